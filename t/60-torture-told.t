# What cannot be had is told, once: ids that are none, ids of another topic,
# records that Kafka has deleted.  Nobody is refused, nobody is left silent.

# alone: what it waits for is timed

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;
use KafkaSSE::Torture;

my $rig = KafkaSSE::Torture->new;
my $kafka = $rig->kafka;
my ($a, $b) = $rig->nodes;
my ($steady, $bursty) = $rig->topics;
my $many = $rig->many(15, 40);

$rig->clients('sitters', streams => $many);
$rig->produce;


# an id of these topics, and one of another

my $sse = $a->sse('/all')->wait_position;
my $ours = $sse->last_id;
$sse->close;

my $stranger = KafkaSSE::Node->new(
    kafka => $kafka, redis => $rig->redis, server => <<"END")->start;
location /other { kafka_sse @{[ $kafka->topic('other', partitions => 24) ]}; }
END

$sse = $stranger->sse('/other')->wait_position;
my $other = $sse->last_id;
$sse->close;
ok($stranger->quit, 'the node of another topic quits');


# Exactly one reset for each, status 200, and then all partitions.

sub garbage ($name, $expect, @ids) {
    $rig->phase($name);

    my $swarm = KafkaSSE::Swarm->new(
        nodes => [ $a, $b ], path => '/all', streams => scalar @ids,
        ids => \@ids, commands => 1, measured => $steady, seconds => 60,
        reconnect => 0.1);

    my $now = time * 1000;
    my $flows = eval {
        $swarm->wait_for(15, "$name: records flow",
                         sub ($is) { $is->{up_to} > $now });
    };
    ok($flows, "$name: all are live") or diag($@);

    my $report = $swarm->finish(now => 1);
    my @each = @{$report->{each}};
    my @wrong = grep { !$expect->($each[$_]{resets}) } 0 .. $#each;

    is_deeply([ map { "$each[$_]{resets} for \"$ids[$_]\"" } @wrong ], [],
              "$name: each is told as often as it should be");
    is_deeply([ map { "$each[$_]{status} for \"$ids[$_]\"" }
                grep { $each[$_]{status} != 200 } 0 .. $#each ], [],
              "$name: none is refused");
    is($report->{connects}, scalar @ids, "$name: none is cut");
    $swarm->ok_clean($report, "$name: a proper stream");
}


my @nonsense = (
    'nonsense', '42', '0', '-', '...', '1', '2.', '1.=', '1.A', "1.\xc3\xa9",
    "2.$other", substr($other, 2), "${other}AAAA", substr($other, 0, -1),
    '1.' . 'A' x 4000, '1.' . '_' x 200, '1.AAAAAAA', '1.+/+/',
    '1.AAAAAAH_____________', 'null', 'undefined', '[object Object]', 'NaN',
    "' OR 1=1 --", '../../etc/passwd', '%00', '1.%41', '{"a":1}',
    $other,
    map { slurp($_) } grep { !/empty/ }
        glob "$FindBin::Bin/fuzz/corpus/position/*",
);

garbage('garbage', sub ($resets) { $resets == 1 }, @nonsense);


# One byte of a good id changed, cut out or doubled: it may be another good one,
# so a reset is possible; an error or silence is not.

srand(my $seed = $ENV{KAFKA_SSE_TEST_SEED} // int rand 1e9);

$rig->rounds(1, sub ($n) {
    my @alphabet = ('A' .. 'Z', 'a' .. 'z', 0 .. 9, '-', '_', '.', '=');

    my @mutants = map {
        my $id = $ours;
        my $at = 2 + int rand length($id) - 2;
        my $new = $alphabet[rand @alphabet];

        substr $id, $at, 1, ($new, '', substr($id, $at, 1) x 2)[rand 3];
        $id;
    } 1 .. 100;

    garbage("mutants $n of seed $seed", sub ($resets) { $resets <= 1 },
            @mutants);
}, share => 0.5);


# ---- records that are deleted while nobody reads

$rig->rounds(1, sub ($n) {
    $rig->phase("deleted $n");

    my $quit = $a->quit(20) && $b->quit(20);
    ok($quit, "round $n: both nodes are gone");

    # what they have missed is not there any more

    my $was = $kafka->offsets($steady)->{$steady};
    my $to;

    wait_for(20, 'more records', sub {
        $to = $kafka->offsets($steady)->{$steady};
        !grep { $to->[$_]{stable} < $was->[$_]{stable} + 20 } 0 .. 11;
    }, 0.2);

    $kafka->delete_records($steady, $_, $to->[$_]{stable}) for 0 .. 11;

    $_->start for $a, $b;
    $rig->ready;
    $rig->flows("after records were deleted, round $n", 30);

    is($rig->{swarms}{sitters}->now->{resets}, $n * $many,
       "round $n: each client is told once") or diag($a->errors, $b->errors);
}, share => 0.5);

$rig->forgets($steady);
$rig->verdict(but => [ 'resets', 'cut_chunk' ]);

my $report = $rig->report('sitters');
my %resets = map { $_->{resets} => 1 } @{$report->{each}};
is(scalar keys %resets, 1, 'all were told the same number of times');
is($report->{other_status}, 0, 'none was refused');


# ---- a topic that is deleted and made again, shorter than it was

{
    my $rig = KafkaSSE::Torture->new;
    my ($a, $b) = $rig->nodes;
    my (undef, $bursty) = $rig->topics;

    my $sitters = $rig->clients('sitters', streams => $many);
    my $before = 1200;

    $rig->kafka->fill($bursty, n => $before);
    $sitters->wait_for(20, 'the former topic',
                       sub ($now) { $now->{least} == $before });
    $rig->produce(bursty => 0);

    $rig->phase('deleted');
    $rig->kafka->delete($bursty);

    # longer than the 2 s that a topic may be away without a word

    $rig->pass(4);

    $rig->phase('made again');
    wait_for(10, 'the topic is made again', sub {
        eval { $rig->kafka->create($bursty, partitions => 12); 1 }
    }, 0.1);
    $rig->kafka->fill($bursty, n => 240);

    my $told = eval {
        $sitters->wait_for(30, 'all are told',
                           sub ($now) { $now->{resets} >= $many });
    };
    ok($told, 'all are told that a topic was made again')
        or diag($@, $a->errors, $b->errors);

    $rig->flows('after a topic was made again', 30);
    $rig->verdict(but => [ 'resets', 'ends' ], values => 0);

    is_deeply([ grep { $_->{resets} != 1 } @{$rig->report('sitters')->{each}} ],
              [], 'each once');
}

finish;
