# Names for commands. All set-up happens by itself, in scripts/setup.sh.

BIN := .venv/bin
READY := .venv/ready

.PHONY: demo test lint docs bench skill screenshots napari

demo: $(READY)
	$(BIN)/morphocast demo

test: export OMP_NUM_THREADS = 1
test: $(READY)
	scripts/with-display.sh $(BIN)/pytest

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/npe2 validate src/napari_morphocast/napari.yaml

docs: $(READY)
	$(BIN)/mkdocs build --strict

bench: $(READY)
	scripts/with-display.sh $(BIN)/python benchmarks/speed.py

skill: $(READY)
	$(BIN)/python benchmarks/skill.py

screenshots: $(READY)
	scripts/with-display.sh $(BIN)/python scripts/screenshots.py

napari: $(READY)
	$(BIN)/python scripts/open_napari.py

$(READY): pyproject.toml scripts/setup.sh
	scripts/setup.sh
