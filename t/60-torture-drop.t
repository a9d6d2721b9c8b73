# Redis loses envelopes on their way to one of two nodes, among them those of
# transactions.  Its clients do not notice; with a module that does not repair
# they do, and this test says so.

# alone: what it waits for is timed

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;
use KafkaSSE::Torture;

# One round: of some partitions of both topics the next envelopes are lost.

sub lose ($rig, $n) {
    my ($proxy) = $rig->proxies;
    my ($steady, $bursty) = $rig->topics;
    my $before = $proxy->counts->{dropped};

    $rig->phase("lost $n");

    my @rules = map {
        ({ topic => $steady, partition => ($n + $_) % 12, drop => $_ },
         { topic => $bursty, partition => ($n * 5 + $_) % 12, drop => 1 })
    } 1 .. 3;

    $proxy->rules(@rules);

    my $want = 0;
    $want += $_->{drop} for @rules;

    wait_for(15, "$want envelopes are dropped",
             sub { $proxy->counts->{dropped} - $before >= $want });
}


# ---- the module

{
    my $rig = KafkaSSE::Torture->new(proxies => 1, zone => '128m',
                                     compact => 1);
    my ($node, $other) = $rig->nodes;
    my ($proxy) = $rig->proxies;
    my $many = $rig->many(15, 40);

    $rig->clients('hoppers', streams => $many, hop => 1);
    $rig->clients('there', streams => $many, nodes => [ $node ]);
    $rig->produce(rate => $rig->rate(800, 1000));

    my %gaps = map { $_ => $rig->gaps($_) } $node, $other;

    $rig->rounds(8, sub ($n) {
        lose($rig, $n);
        $rig->flows("after round $n of losses", 10);
        $rig->wait_source('redis');
    });

    $proxy->rules;

    cmp_ok($rig->gaps($node) - $gaps{$node}, '>=', 24, 'gaps were seen');
    is($rig->gaps($other) - $gaps{$other}, 0,
       '... by the node that had them only');
    cmp_ok($rig->sum($node, 'records_repaired'), '>=', 24,
           '... and what was missing was read from Kafka');

    $rig->verdict;
    $rig->silent('there', qr/^lost/, all => 2000);

    note(json_encode($proxy->counts));
}


# ---- one that takes what comes

SKIP: {
    skip 'the nginx of this test is not the one that is installed', 3
        if $ENV{TEST_NGINX_BINARY};

    my $top = KafkaSSE::Rig::top();
    my $tree = tempdir() . '/mutant';

    mkdir $tree or die "$tree: $!";
    run([ 'cp', '-R', map({ "$top/$_" } qw(Makefile config src t
                                           ngx_kafka_sse_module.c)), $tree ]);

    # the one comparison that makes a gap of it, where an envelope comes

    my $less = '(end - part->sh->held > NGX_KAFKA_SSE_FEED_JUMP)';
    my $changed = 0;

    for my $file (glob "$tree/src/companion/*.c") {
        my $text = slurp($file);
        my $n = $text =~ s/\(!ngx_kafka_sse_feed_topic_follows\([^)]*\)\)/$less/g;

        $changed += $n || 0;
        spew($file, $text) if $n;
    }

    cmp_ok($changed, '>', 0, 'a copy of the sources knows no gaps')
        or last SKIP;

    my $made = run([ 'make', '-C', $tree, 'module' ], timeout => 120,
                   env => { MAKEFLAGS => '' });
    is($made->{status}, 0, '... and is made')
        or diag($made->{out}, $made->{err}), last SKIP;

    my $rig = KafkaSSE::Torture->new(
        proxies => 1, module => "$tree/build/ngx_kafka_sse_module.so");

    $rig->clients('there', streams => 5, nodes => [ ($rig->nodes)[0] ]);
    $rig->produce(rate => 800);

    lose($rig, $_) for 1 .. 3;

    my ($truth, @judged) = $rig->judge(seconds => 5);
    my @lost = grep { $_->{what} eq 'lost' } map { @{$_->{faults}} } @judged;
    my %streams = map { $_->{stream} => 1 } @lost;

    is(scalar keys %streams, 5,
       'without repair every stream is found to have lost records');
    note(scalar @lost, ' ranges were found lost, the first ',
         "$lost[0]{partition}:$lost[0]{first}-$lost[0]{last}") if @lost;
}

finish;
