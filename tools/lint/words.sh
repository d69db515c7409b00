# Words that the project does not say: work put off, places of one machine, and names that puzzled readers.
# Sourced by lint.sh.

# The patterns are put together from pieces, so that this file does not match itself.
check_words() {
    local files=() file
    while IFS= read -r file; do files+=("$file"); done < <(find src shim tools -type f \
        \( -name '*.[ch]' -o -name '*.cpp' -o -name '*.cu' -o -name '*.sh' -o -name '*.py' \) 2>/dev/null | sort)
    grep -n -H -o -w -E "TO""DO|FIX""ME|X""XX" "${files[@]}" |
        sed -E 's/^([^:]*:[0-9]+):(.*)/\1: says \2; do it now or file an issue/'
    while IFS= read -r file; do files+=("$file"); done < <(find tests configs plots .ci Makefile ./*.md docs -type f \
        ! -name '*.json' ! -path 'tests/golden/*' 2>/dev/null | grep -E '\.(c|h|sh|md|gp|py)$|Makefile|/run$' | sort)
    grep -n -H -o -E "(^|[^A-Za-z0-9_.\$}*])/(ho""me|ro""ot|wo""rk|Us""ers|m""nt|t""mp)/[A-Za-z0-9_.-]+" "${files[@]}" |
        grep -v 'X\{6\}' | # a template of mkdtemp
        sed -E 's/^([^:]*:[0-9]+):[^\/]*(.*)/\1: names a path of one machine (\2); make it relative, or an option/'
}

# Each line of words.txt is a pattern and what to say instead; as a whole word, or as a part of a name between its
# underscores. CHANGELOG tells of the past in its own words.
check_old_words() {
    local files=() file
    while IFS= read -r file; do files+=("$file"); done < <(find src shim tools tests docs README.md CONTRIBUTING.md Makefile -type f \
        \( -name '*.[ch]' -o -name '*.cpp' -o -name '*.cu' -o -name '*.inc' -o -name '*.sh' -o -name '*.md' -o -name Makefile \) \
        2>/dev/null | sort)
    [ ${#files[@]} = 0 ] || perl -e '
        open my $list, "<", "tools/lint/words.txt" or die "tools/lint/words.txt: $!\n";
        my @words = map { /^(\S+)\s+(.+)$/ ? [$1, $2] : () } grep { !/^#/ } <$list>;
        for my $file (@ARGV) {
            open my $in, "<", $file or next;
            while (my $line = <$in>) {
                for my $word (@words) {
                    printf "%s:%d: says \"%s\"; say %s\n", $file, $., $1, $word->[1] if $line =~ /(?<![a-zA-Z])($word->[0])(?![a-zA-Z])/i;
                }
            }
        }' "${files[@]}"
}
