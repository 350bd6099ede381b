#!/bin/bash
# Install Chromium for the tests of pages. Where that cannot be, say why in one line and exit 75.
for name in chromium chromium-browser google-chrome; do
  command -v "$name" >/dev/null && exit 0
done
[ "$(id -u)" = 0 ] || { echo "no Chromium, and installing it needs root"; exit 75; }
command -v apt-get >/dev/null || { echo "no Chromium, and no apt-get to install it"; exit 75; }
said=$( (apt-get update && apt-get install --yes --no-install-recommends chromium) 2>&1 ) \
  || { echo "Chromium could not be installed: ${said##*$'\n'}"; exit 75; }
