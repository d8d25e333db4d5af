#!/usr/bin/env bash
# Everything that `make` needs, on a fresh machine: a virtual environment in .venv with
# the package, napari and the developers' tools, and on Linux what Qt needs to draw.
# Safe to run again; `make` does so when pyproject.toml has changed.
set -euo pipefail
cd "$(dirname "$0")/.."

# One known PyTorch for everybody. Another one that is in .venv already is left alone,
# so a GPU build can be chosen by installing it there first (docs/install.md).
torch="torch==2.13.0"

# What Qt and napari load at run time, by the names of Debian and Ubuntu.
libraries="libegl1 libgl1 libglib2.0-0 libdbus-1-3 libfontconfig1 libxkbcommon-x11-0
    libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0
    libxcb-render-util0 libxcb-shape0 libxcb-xfixes0 xauth xvfb"

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    local name
    for name in python3 python3.13 python3.12 python3.11; do
        if new_enough "$name"; then
            echo "$name"
            return
        fi
    done
    echo "error: Python 3.11 or newer is needed; get it from https://python.org." >&2
    exit 1
}

missing_packages() {
    local name
    for name in $libraries; do
        dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' \
            || echo "$name"
    done
    "$1" -c 'import ensurepip' 2>/dev/null || echo python3-venv
}

install_packages() {
    local missing
    command -v dpkg-query apt-get >/dev/null || return 0
    missing=$(missing_packages "$1" | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" -eq 0 ]; then
        # shellcheck disable=SC2086  # one word per package
        apt-get update -q && DEBIAN_FRONTEND=noninteractive \
            apt-get install -q -y --no-install-recommends $missing && return 0
    fi
    echo "note: napari's windows and the tests need a few system packages; run" >&2
    echo "    sudo apt-get install $missing" >&2
}

if [ -x .venv/bin/python ] && new_enough .venv/bin/python; then
    install_packages .venv/bin/python
else
    python=$(find_python)
    install_packages "$python"
    "$python" -m venv --clear .venv
fi

python=.venv/bin/python
"$python" -m pip --version >/dev/null 2>&1 || "$python" -m ensurepip --upgrade
"$python" -m pip install --quiet --upgrade "pip>=25.1"
"$python" -c 'import torch' 2>/dev/null || "$python" -m pip install "$torch"
echo "Installing napari-morphocast with all it needs into .venv; this takes a minute or two."
"$python" -m pip install --quiet --editable ".[all]" --group dev
touch .venv/ready
