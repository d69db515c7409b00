# A locale with decimal commas for tests. Sourced.

# find_locale NAME FOLDER: makes the locale NAME (de_DE.UTF-8) known to programs that are started from here on, building
# it into FOLDER where the system lacks it; fails where that cannot be.
find_locale() {
    local name=$1 folder=$2 partial
    LC_ALL=$name locale decimal_point 2>/dev/null | grep -qx , && return
    if [ ! -d "$folder/$name" ]; then
        mkdir -p "$folder"
        partial=$(mktemp -d "$folder/partial.XXXXXX")
        localedef -c -i "${name%%.*}" -f "${name#*.}" "$partial/$name" >/dev/null 2>&1
        [ -d "$partial/$name" ] && mv -T "$partial/$name" "$folder/$name" 2>/dev/null
        rm -rf "$partial"
    fi
    [ -d "$folder/$name" ] || return 1
    export LOCPATH="$(cd "$folder" && pwd)${LOCPATH:+:$LOCPATH}"
}
