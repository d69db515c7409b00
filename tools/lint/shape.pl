#!/usr/bin/perl
# Sizes and idioms of C that a reader relies on: a line for each violation.
#
# - A file of src/ has at most 400 lines and 12 of the project's own includes; one that has more says why in a comment
#   with the words "over 400 lines" or "over 12 includes".
# - A macro has at most five lines, so that debugger and profiler show lines; a table of rows says "over five lines".
# - A comment ends where its text does, and a declaration stands on one line with its name.
# - A status is compared with BT_OK; memory that runs out is told by bt_no_memory.
use strict;
use warnings;

sub complain { printf "%s:%d: %s\n", @_ }

sub check_size {
    my ($file, $text, @lines) = @_;
    return unless $file =~ m{^src/};
    my $includes = grep { /^#include "/ } @lines;
    complain($file, scalar @lines, "has over 400 lines; let each file tell one story")
        if @lines > 400 && $text !~ /over\s+(?:\*\s+)?400\s+(?:\*\s+)?lines/i;
    complain($file, 1, "includes $includes files of the project, over 12 includes; let it do one thing")
        if $includes > 12 && $text !~ /over\s+(?:\*\s+)?12\s+(?:\*\s+)?includes/i;
}

sub check_macros {
    my ($file, $text) = @_;
    while ($text =~ /^(?:[ \t]*(?:\/\*(?:(?!\*\/).)*over five lines(?:(?!\*\/).)*\*\/\n))?\s*#[ \t]*define\b[^\n]*(?:\\\n[^\n]*){5,}/gmsi) {
        my ($at, $macro) = ($-[0], $&);
        next if $macro =~ /^[^#]*over five lines/si;
        complain($file, 1 + (substr($text, 0, $at) =~ tr/\n//), "a macro over five lines; make it a function or a file to include");
    }
}

sub check_lines {
    my ($file, @lines) = @_;
    for my $i (0 .. $#lines) {
        my ($line, $next) = ($lines[$i], $lines[$i + 1] // "");
        complain($file, $i + 1, "a comment ends on a line of its own; let it end behind its last word")
            if $line =~ m{^\s*\*/\s*$};
        complain($file, $i + 1, "a declaration without its name; put its comment above it")
            if $line =~ m{^\s+(?:const |unsigned |struct )*\w+(?:_t)?(?: const)?(?: \*+)?$} && $next =~ m{^\s+\**\w+(?:\[[^\]]*\])*;\s*/\*};
        next if $file =~ /\.cpp$|\.cu$/;
        complain($file, $i + 1, "asks a status for truth; compare it with BT_OK")
            if $line =~ /\b(?:if|while) \(!?status\)|(?<![\w.])!status\b|\bstatus \? /;
        complain($file, $i + 1, "tells of memory by words of its own; use bt_no_memory")
            if $file ne "src/base/error.c" && "$line $next" =~ /bt_fail\([^"]*BT_NO_MEMORY,\s*"(?:out of memory|no memory|memory ran out)/ && $line =~ /bt_fail/;
    }
}

for my $file (@ARGV) {
    open my $in, '<', $file or die "$file: $!\n";
    local $/;
    my $text = <$in>;
    my @lines = split /\n/, $text;
    check_size($file, $text, @lines);
    check_macros($file, $text);
    check_lines($file, @lines);
}
