# The pages: README's length, lines that a side-by-side view can show, links that lead somewhere, and what `make docs`
# makes. Sourced by lint.sh.

readme_lines=180

check_pages() {
    local pages=(README.md CONTRIBUTING.md CHANGELOG.md docs/*.md) page lines
    [ -e README.md ] || return 0
    lines=$(wc -l <README.md)
    [ "$lines" -le $readme_lines ] ||
        echo "README.md:$lines: has over $readme_lines lines; it is the front door, a page of docs/ takes the rest"
    perl -CSD -ne 'printf "%s:%d: has %d columns; 120 are the most\n", $ARGV, $., length($_) - 1 if length($_) > 121;
        close ARGV if eof' "${pages[@]}"
    for page in "${pages[@]}"; do check_links "$page"; done
    tools/lint/docs.sh --check
}

# The names that a page's headings have as targets of links.
anchors_of() {
    sed -n -E 's/^#+ +(.*)/\1/p' "$1" | tr '[:upper:]' '[:lower:]' | sed -E 's/[^a-z0-9 _-]//g; s/ /-/g'
}

# check_links PAGE: what it links to is in the repository, and has the heading that is named.
check_links() {
    local page=$1 line target file anchor
    while IFS=: read -r line target; do
        case $target in *://* | mailto:*) continue ;; esac
        file=${target%%#*} anchor=
        case $target in *'#'*) anchor=${target#*#} ;; esac
        file=${file:+$(dirname "$page")/$file}
        file=${file:-$page}
        if [ ! -e "$file" ]; then
            echo "$page:$line: links to $target, which is not there"
        elif [ -n "$anchor" ] && ! anchors_of "$file" | grep -qx -- "$anchor"; then
            echo "$page:$line: links to $target; $file has no such heading"
        fi
    done < <(grep -n -o -E '\]\([^) ]+\)' "$page" | sed -E 's/^([0-9]+):\]\((.*)\)$/\1:\2/')
}
