#!/usr/bin/perl -0777 -n
# Finds what goes by the locale of the process that the library serves in: reading and printing fractions, judging
# letters, comparing. Only base/text.c and base/json.c (and the shim's status.cpp) may call it: they see to it that a
# number has a dot and a letter its case. Whole files as arguments; a line for each violation.
BEGIN {
    $printing = qr/\b(?:json_sprintf|(?:f|s|sn|d|as)?w?printf|w?printf)\b/;
    $scanning = qr/\b(?:f|s)?w?scanf\b/;
    $fraction = qr/%[-+ #0]*(?:\*|\d+)?(?:\.(?:\*|\d*))?[lL]*[aAeEfFgG]|%[-+ #0]*\x27/;
    @rules = (
        [qr/\b(?:std::)?(?:strto[df]|strtold|atof|wcstod|stod|stof|stold)\s*\(/, "reads a number", "bt_text_read_number"],
        [qr/\bv(?:f|s|sn|d|as)?w?printf\s*\(/, "prints any format", "bt_text_format_list or bt_text_print_list"],
        [qr/\b(?:strerror(?:_r)?|perror)\s*\(/, "tells an error", "bt_text_system_error"],
        [qr/\bdlerror\s*\(/, "tells an error", "bt_text_load_error"],
        [qr/\b(?:is(?:alnum|alpha|blank|cntrl|graph|lower|print|punct|space|upper)|to(?:lower|upper))\s*\(/,
            "judges a letter", "bt_text_is_alphanumeric, or the form that ends in _l"],
        [qr/\b(?:strn?casecmp|strcasestr|strcoll|strxfrm)\s*\(/, "compares", "the form that ends in _l"],
        [qr/\b(?:alphasort|versionsort)\b/, "sorts", "strcmp"],
        [qr/\b(?:fnmatch|regcomp|glob|wordexp)\s*\(/, "matches", "bt_text_fits"],
        [qr/\bjson_(?:load|dump)\w*\s*\(/, "reads or writes JSON", "bt_json_parse, bt_json_dump or bt_json_write"],
        [qr/\b(?:set|use)locale\s*\(/, "sets it", "the functions of base/text.h"],
        [qr/\b(?:[io]?stringstream|std::format|std::regex|imbue)\b/, "reads or prints", "std::to_string of whole numbers"]);
}
my $code = $_;
my $blank = sub { my $text = shift; $text =~ tr/\n/ /c; $text };
my $string = qr/"(?:[^"\\]|\\.)*"/s;
$code =~ s{($string|\x27(?:[^\x27\\\n]|\\.)\x27)|(/\*.*?\*/|//[^\n]*)}{defined $1 ? $1 : $blank->($2)}gse;
my $complain = sub {
    my ($at, $does, $right) = @_;
    printf "%s:%d: %s by the host\x27s locale; use %s\n", $ARGV, 1 + (substr($code, 0, $at) =~ tr/\n//), $does, $right;
};
my $home = $ARGV =~ m{^(?:src/base/(?:text|json)\.c|shim/status\.cpp)$};
my ($balanced, %told);
$balanced = qr/\((?:[^()"\x27]|$string|\x27(?:[^\x27\\]|\\.)*\x27|(??{$balanced}))*\)/;
my $bare = $code =~ s/$string/$blank->($&)/gser;
for my $rule ($home ? () : @rules) {
    $complain->($-[0], $rule->[1], $rule->[2]) while $bare =~ /$rule->[0]/g;
}
while ($code =~ /($printing|$scanning)\s*($balanced)/g) {
    my ($at, $name, $call) = ($-[0], $1, $2);
    my $format = join "", map { s/%%//gr } $call =~ s/\b(?:PRI|SCN)\w+/"d"/gr =~ /$string/g;
    next unless $format =~ $fraction;
    $name =~ /scanf/ ? $complain->($at, "reads a number", "bt_text_read_number")
                     : $complain->($at, "prints a number", "bt_text_format or bt_text_print");
}
while ($code =~ /^[ \t]*#[ \t]*define\b(?:[^\n\\]|\\.)*/gms) {
    my ($at, $macro) = ($-[0], $&);
    next if $macro =~ /\bbt_/ || join("", map { s/%%//gr } $macro =~ /$string/g) !~ $fraction;
    $complain->($at, "may print a number", "the format where it is printed");
}
