#!/usr/bin/env bash
# The browser test drives a real Chromium. Where this user may install Debian packages, it is installed once;
# elsewhere the test says that it is skipped, and why.
set -euo pipefail
command -v chromium chromium-browser google-chrome >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Chromium for the browser test (once) ..."
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1 ||
        echo "Chromium could not be installed; the browser test will be skipped."
fi
