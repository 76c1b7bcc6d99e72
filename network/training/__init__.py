"""One run: the LightningModule, its Trainer, its checkpoints and its log."""
