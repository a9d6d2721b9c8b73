#!/usr/bin/perl

# Copyright (C) the ngx_kafka_sse authors

# Tests for the parts that need no nginx: the programs of t/unit, plain and
# under the sanitizers, and the fuzz targets of t/fuzz for some seconds each.
#
# NGX_SRC: a configured nginx tree, default build/nginx; FUZZ_SECONDS: per
# fuzz target, default 3.

###############################################################################

use warnings;
use strict;

use Test::More;

use File::Basename qw(dirname);
use File::Spec;

###############################################################################

my $top = File::Spec->rel2abs(dirname(__FILE__) . '/..');
my $src = File::Spec->rel2abs($ENV{NGX_SRC} || "$top/build/nginx");
my $out = File::Spec->rel2abs($ENV{UNIT_OUT} || "$top/build/unit");
my $seconds = defined $ENV{FUZZ_SECONDS} ? $ENV{FUZZ_SECONDS} : 3;

my @units = qw(record envelope ring ring_step ring_race topics position template
	frame log pace wheel start message redis field filter index);
my @fuzzers = qw(position envelope template frame message field filter);

if (!-f "$src/objs/ngx_auto_config.h") {
	plan(skip_all => "no configured nginx in $src");
}

plan(tests => 1 + 2 * @units + @fuzzers);

my $log = `make -s -j2 -C '$top/t/unit' NGX_SRC='$src' OUT='$out' \\
	all asan-programs fuzz 2>&1`;

is($?, 0, 'unit programs and fuzz targets build without a warning')
	or BAIL_OUT($log);

for my $kind (qw(plain asan)) {
	for my $unit (@units) {
		subtest("$unit, $kind", \&run_unit, "$out/$kind/$unit");
	}
}

for my $fuzzer (@fuzzers) {
	subtest("$fuzzer, fuzzed", \&run_fuzzer, $fuzzer);
}

###############################################################################

# each claim of a unit program is one of ours

sub run_unit {
	my ($program) = @_;

	my ($count, $plan) = (0, -1);

	my @lines = `$program 2>&1`;
	my $status = $?;

	for my $line (@lines) {
		if ($line =~ /^(not )?ok \d+ - (.*)$/) {
			$count++;
			ok(!$1, $2);

		} elsif ($line =~ /^1\.\.(\d+)$/) {
			$plan = $1;

		} else {
			$line =~ s/^# //;
			chomp($line);
			$status ? diag($line) : note($line);
		}
	}

	is($count, $plan, 'every test was run');
	is($status, 0, 'the program ends well');
}

sub run_fuzzer {
	my ($fuzzer) = @_;

	my $corpus = "$top/t/fuzz/corpus/$fuzzer";

	my $output = `'$out/fuzz/$fuzzer' '$corpus'/* 2>&1`;
	is($?, 0, 'the corpus passes') or diag($output);

	# libFuzzer adds what it finds to the first directory

	mkdir "$out/fuzz/found-$fuzzer";

	$output = `'$out/fuzz/$fuzzer' -max_total_time=$seconds \\
		-artifact_prefix='$out/fuzz/' \\
		'$out/fuzz/found-$fuzzer' '$corpus' 2>&1`;
	is($?, 0, "$seconds seconds of random changes pass") or diag($output);
	note($output);
}

###############################################################################
