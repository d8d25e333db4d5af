#!/usr/bin/env bash
# Run a command that opens windows: on the screen if there is one, else on a virtual one.
set -euo pipefail
if [ "$(uname)" != Linux ] || [ -n "${DISPLAY:-}" ] || [ -n "${WAYLAND_DISPLAY:-}" ]; then
    exec "$@"
fi
if ! command -v xvfb-run >/dev/null; then
    echo "error: There is no screen and no virtual one; install xvfb and xauth." >&2
    exit 2
fi
exec xvfb-run --auto-servernum --server-args "-screen 0 1280x1024x24" "$@"
