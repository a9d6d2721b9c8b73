#!/usr/bin/perl

# Copyright (C) the ngx_kafka_sse authors

# Tests for the parts that need no nginx: the programs of t/unit, plain and
# under the sanitizers, and the fuzz targets of t/fuzz for some seconds each.
#
# NGX_SRC: a configured nginx tree, default build/nginx; FUZZ_SECONDS: per
# fuzz target, default 10; FUZZ_SEED: to have the same inputs again.

# alone: it takes all processors

###############################################################################

use warnings;
use strict;

use Test::More;

use File::Basename qw(dirname);
use File::Spec;
use POSIX ();

###############################################################################

my $top = File::Spec->rel2abs(dirname(__FILE__) . '/..');
my $src = File::Spec->rel2abs($ENV{NGX_SRC} || "$top/build/nginx");
my $out = File::Spec->rel2abs($ENV{UNIT_OUT} || "$top/build/unit");
my $seconds = defined $ENV{FUZZ_SECONDS} ? $ENV{FUZZ_SECONDS} : 10;
my $seed = defined $ENV{FUZZ_SEED} ? $ENV{FUZZ_SEED} : time();

# each program of the two directories, whatever their number

my %list = map { /^(\w+) (.*)$/ ? ($1 => [ split ' ', $2 ]) : () }
	`make -s -C '$top/t/unit' list`;

my @units = @{$list{units}};
my @fuzzers = @{$list{fuzzers}};

if (!-f "$src/objs/ngx_auto_config.h") {
	plan(skip_all => "no configured nginx in $src");
}

plan(tests => 2 + 2 * @units + @fuzzers);

cmp_ok(@units * @fuzzers, '>', 0, 'there is something to run');

my $log = `make -s -j2 -C '$top/t/unit' NGX_SRC='$src' OUT='$out' \\
	all asan-programs fuzz 2>&1`;

is($?, 0, 'unit programs and fuzz targets build without a warning')
	or BAIL_OUT($log);

for my $kind (qw(plain asan)) {
	for my $unit (@units) {
		subtest("$unit, $kind", \&run_unit, "$out/$kind/$unit");
	}
}

my %fuzzed = run_fuzzers(@fuzzers);

note("FUZZ_SEED=$seed");

for my $fuzzer (@fuzzers) {
	subtest("$fuzzer, fuzzed", sub {
		my ($status, $output) = @{$fuzzed{$fuzzer}};

		is($status, 0, "the corpus passes, and $seconds seconds of random "
			. 'changes') or diag($output);
		like($output, qr/^[1-9]\d* runs, [1-9]\d* files$/m,
			'both were run');
		note($output);
	});
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

# as many at once as there are processors: a target => [ status, output ]

sub run_fuzzers {
	my (@left) = @_;

	my (%running, %done);
	my $jobs = `nproc` || 2;

	while (@left || %running) {

		if (@left && keys %running < $jobs) {
			my $fuzzer = shift @left;
			my $pid = fork;

			die "fork: $!" if !defined $pid;
			exec_fuzzer($fuzzer) if $pid == 0;

			$running{$pid} = $fuzzer;
			next;
		}

		my $fuzzer = delete $running{wait()};
		my $status = $?;

		open(my $fh, '<', "$out/fuzz/$fuzzer.log") or die "$fuzzer: $!";
		local $/;
		$done{$fuzzer} = [ $status, scalar <$fh> ];
	}

	return %done;
}

sub exec_fuzzer {
	my ($fuzzer) = @_;

	open(STDOUT, '>', "$out/fuzz/$fuzzer.log") or die "$fuzzer: $!";
	open(STDERR, '>&', \*STDOUT) or die "$fuzzer: $!";

	my $words = "$top/t/fuzz/dict/$fuzzer";

	exec "$out/fuzz/$fuzzer", "-max_total_time=$seconds", "-seed=$seed",
		"-artifact_prefix=$out/fuzz/finding-$fuzzer-",
		(-f $words ? "-dict=$words" : ()),
		"$top/t/fuzz/corpus/$fuzzer" or POSIX::_exit(127);
}

###############################################################################
