# make demo      draw data, split, train, test, figures and report: see fig_results/demo
# make test      the tests
# make families  the tests of every family of timm as a backbone
# make slow      the tests of every network in every exported format, and of a fresh environment
# make lint      ruff, and the direction of imports
# make browser   Chromium, for the tests of the report
# make figures   the pictures of the README, from the demo
# make gpu       tests and measurements on a GPU, in 10 minutes: figures in fig_results/gpu
# Each sets up what it needs in .venv, once. With RUN=python3 it is done by that Python as it is.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
DEMO := data/demo
CONFIG := config/demo/bicor.py
OUT := fig_results/demo
GPU_OUT := fig_results/gpu
PATCH := top_mosaic_09cm_area4_0_0

ifeq ($(RUN),$(VENV)/bin/python)
READY := $(VENV)/.ready
endif

.PHONY: demo figures test families slow gpu lint browser setup clean

setup: $(READY)

$(VENV)/.ready: requirements.txt requirements-dev.txt requirements-export.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "error: $(PYTHON) is older than Python 3.10; try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt -c constraints.txt
	@touch $@

demo: $(READY)
	$(RUN) tools/make_demo_data.py --output $(DEMO) --size 768 896 --train-tiles 14 --test-tiles 3
	$(RUN) tools/vaihingen_patch_split.py --img-dir $(DEMO)/train_images --mask-dir $(DEMO)/train_masks --output-img-dir $(DEMO)/train/images_512 --output-mask-dir $(DEMO)/train/masks_512 --mode train --split-size 512 --stride 512
	$(RUN) tools/vaihingen_patch_split.py --img-dir $(DEMO)/test_images --mask-dir $(DEMO)/test_masks --output-img-dir $(DEMO)/test/images_512 --output-mask-dir $(DEMO)/test/masks_512 --mode val --split-size 512 --stride 512
	$(RUN) train.py -c $(CONFIG)
	$(RUN) test.py -c $(CONFIG) -o $(OUT)/bicor -t lr --rgb
	$(RUN) tools/heatmaps.py -c $(CONFIG) -o $(OUT)/heatmaps --images $(PATCH)
	$(RUN) tools/embeddings.py -c $(CONFIG) -o $(OUT)/embeddings
	$(RUN) tools/curves.py lightning_logs/demo/bicor -o $(OUT)/curves
	$(RUN) tools/report.py $(OUT)/bicor -c $(CONFIG)
	@echo
	@echo "Report, to be opened in a browser:     $(OUT)/bicor/report.html"
	@echo "Class heatmaps over an image:          $(OUT)/heatmaps/$(PATCH).png"
	@echo "Class embeddings, losses and scores:   $(OUT)/embeddings/embeddings.png, $(OUT)/curves.png"
	@echo "Tiles that were held out for the test: $(DEMO)/test_images (drawn), $(DEMO)/test_masks"
	@echo "Predicted masks in colors:             $(OUT)/bicor/masks_rgb"
	@echo "Scores, confusion matrix, settings:    $(OUT)/bicor/results.json, images.csv"
	@echo "Losses and scores of every epoch:      lightning_logs/demo/bicor"
	@echo "Checkpoints, samples, the run's record: model_weights/demo/bicor"

figures: demo browser
	$(RUN) docs/figures/collect.py --demo $(OUT) --image $(PATCH)

test: $(READY)
	$(RUN) -m pytest

families: $(READY)
	$(RUN) -m pytest --dist load tests/models/test_backbone.py -k family -m ""

slow: $(READY)
	$(RUN) -m pytest -m slow

gpu: $(READY)
	@$(RUN) -c 'import sys, torch; torch.cuda.is_available() or sys.exit("no GPU: torch " + torch.__version__ + " finds no CUDA device here; nothing was tested or measured")'
	timeout 290 $(RUN) -m pytest -o addopts= -q -rs -m gpu tests; tests=$$?; \
	timeout 300 $(RUN) benchmarks/run.py gpu model hbis --json $(GPU_OUT)/figures.json --markdown $(GPU_OUT)/figures.md \
		&& echo "Figures: $(GPU_OUT)/figures.json, as a table for docs/performance.md: $(GPU_OUT)/figures.md" \
		&& exit $$tests

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports

browser: $(READY)
	@command -v chromium chromium-browser google-chrome > /dev/null \
		|| { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } \
		|| $(RUN) -m playwright install --with-deps chromium

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache
