# The module is built as the nginx that loads it: what makes an overflow's use
# harder is in the binary.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

plan(skip_all => 'the sanitizers stand in for it')
    if $ENV{KAFKA_SSE_TEST_SANITIZER};

my $module = KafkaSSE::Nginx->module;


sub readelf (@options) {
    my $r = run([ 'readelf', '-W', @options, $module ]);

    is($r->{status}, 0, "readelf @options") or diag($r->{err});
    return $r->{out};
}


my $dynamic = readelf('-d');

like($dynamic, qr/\bBIND_NOW\b|\bFlags:.*\bNOW\b/,
     'symbols are bound when it is loaded');
unlike($dynamic, qr/\bTEXTREL\b/, 'its code is not written to');
unlike($dynamic, qr/\bR(?:UN)?PATH\b/, 'libraries are the system\'s');

my $segments = readelf('-l');

like($segments, qr/^\s*GNU_RELRO\s/m, '... and are read-only from then on');
like($segments, qr/^\s*GNU_STACK\s.*\sRW\s/m, 'its stack is not executable');
unlike($segments, qr/^\s*LOAD\s.*\s(?:RWE|WE)\s/m,
       'nothing is both written and executed');

my $symbols = readelf('--dyn-syms');

like($symbols, qr/\s__stack_chk_fail\b/, 'its stacks are guarded');
like($symbols, qr/\s__(?:memcpy|snprintf|memmove|memset)_chk\b/,
     'copies into what has a known size are checked');


# Compilers write the options of each unit into its debug information.

my @units = readelf('--debug-dump=info') =~ /DW_AT_producer\s*:.*?: (GNU .*)/g;
my ($told) = run([ KafkaSSE::Nginx->binary, '-V' ])->{err}
             =~ /--with-cc-opt='([^']*)'/;
my @flags = grep { !/^-f(?:file-prefix-map|lto|fat-lto)/ }
            ($told // '-fstack-protector-strong') =~ /(-f\S+)/g;

# what is the whole nginx's and what is ours: more than a few files

cmp_ok(scalar(@units), '>', 50, 'each unit tells how it was compiled');
ok(scalar(grep { $_ eq '-fstack-protector-strong' } @flags),
   'nginx tells, too') or diag($told);

for my $flag (@flags) {
    my @without = grep { !/ \Q$flag\E(?: |$)/ } @units;

    is(scalar(@without), 0, "each has nginx's $flag") or diag($without[0]);
}

finish;
