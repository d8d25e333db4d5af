"""``python -m napari_morphocast`` is the same as ``morphocast``."""

from __future__ import annotations

import sys

from napari_morphocast.cli import main

sys.exit(main())
