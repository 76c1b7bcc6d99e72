# make demo   draw data, split, train, test; looks at fig_results/demo/bicor
# make test   the tests
# make lint   ruff
# Each sets up what it needs in .venv, once.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
DEMO := data/demo
OUT := fig_results/demo/bicor

.PHONY: demo test lint setup clean

setup: $(READY)

$(READY): requirements.txt requirements-dev.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "error: $(PYTHON) is older than Python 3.10; try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt -c constraints.txt
	@touch $@

demo: $(READY)
	$(RUN) tools/make_demo_data.py --output $(DEMO) --size 768 896 --train-tiles 14 --test-tiles 3
	$(RUN) tools/vaihingen_patch_split.py --img-dir $(DEMO)/train_images --mask-dir $(DEMO)/train_masks --output-img-dir $(DEMO)/train/images_512 --output-mask-dir $(DEMO)/train/masks_512 --mode train --split-size 512 --stride 512
	$(RUN) tools/vaihingen_patch_split.py --img-dir $(DEMO)/test_images --mask-dir $(DEMO)/test_masks --output-img-dir $(DEMO)/test/images_512 --output-mask-dir $(DEMO)/test/masks_512 --mode val --split-size 512 --stride 512
	$(RUN) train.py -c config/demo/bicor.py
	$(RUN) test.py -c config/demo/bicor.py -o $(OUT) -t lr --rgb
	@echo
	@echo "Tiles that were held out for the test: $(DEMO)/test_images (drawn), $(DEMO)/test_masks"
	@echo "Predicted masks in colors:             $(OUT)/masks_rgb"
	@echo "Scores, confusion matrix, settings:    $(OUT)/results.json"
	@echo "Losses and scores of every epoch:      lightning_logs/demo/bicor"
	@echo "Checkpoints and the run's record:      model_weights/demo/bicor"

test: $(READY)
	$(RUN) -m pytest

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache
