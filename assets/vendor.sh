#!/bin/sh
# Copies the icons named in icons.txt from the pinned lucide-static package into one sprite, with its licence and
# checksums beside it. Run it after changing icons.txt or the version; `vendor.sh --check` changes nothing and fails
# when the committed copies differ from the package.
set -eu
cd "$(dirname "$0")"
goal=../crates/server/static/vendor
npm ci --ignore-scripts --silent
package=node_modules/lucide-static

build() {
    version=$(sed -n 's/.*"lucide-static": "\(.*\)".*/\1/p' package.json)
    {
        echo "<!-- Lucide icons $version, ISC; see lucide-LICENSE.txt. Made by assets/vendor.sh. -->"
        echo '<svg xmlns="http://www.w3.org/2000/svg">'
        while read -r name; do
            [ -f "$package/icons/$name.svg" ] || { echo "no icon named $name" >&2; exit 1; }
            printf '<symbol id="%s" viewBox="0 0 24 24">' "$name"
            # Only the shapes: colour and stroke come from the page's style sheet.
            sed -n 's/^ *\(<[a-z].*\/>\)$/\1/p' "$package/icons/$name.svg" | sed 's/ \/>$/\/>/' | tr -d '\n'
            echo '</symbol>'
        done < icons.txt
        echo '</svg>'
    } > "$1/icons.svg"
    cp "$package/LICENSE" "$1/lucide-LICENSE.txt"
    (cd "$1" && sha256sum icons.svg lucide-LICENSE.txt > SHA256SUMS)
}

if [ "${1-}" = --check ]; then
    fresh=$(mktemp -d)
    trap 'rm -r "$fresh"' EXIT
    build "$fresh"
    diff -r "$fresh" "$goal"
else
    mkdir -p "$goal"
    build "$goal"
fi
