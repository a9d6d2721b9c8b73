# Redis is killed, stopped, cuts its subscribers, and loses one message after
# which nothing follows.

# alone: what it waits for is timed

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;
use KafkaSSE::Torture;

my $long = KafkaSSE::Torture::long();
my $rig = KafkaSSE::Torture->new(proxies => 1);
my ($a, $b) = $rig->nodes;
my ($proxy) = $rig->proxies;
my $redis = $rig->redis;
my ($steady) = $rig->topics;
my $many = $rig->many(15, 40);

my @swarms = (
    $rig->clients('hoppers', streams => $many, hop => 1),
    $rig->clients('at a', streams => $many, nodes => [ $a ]),
    $rig->clients('at b', streams => $many, nodes => [ $b ]),
);


# ---- a message is eaten, and nothing follows

my $eaten = 0;

$rig->rounds(3, sub ($n) {
    my $partition = $n % 12;

    $rig->kafka->fill($steady, n => 12, start => 100 * $n);
    $eaten += 12;
    $_->wait_for(10, 'the first ones', sub ($now) { $now->{least} == $eaten })
        for @swarms;

    $rig->phase("eaten $n");
    $proxy->rules({ topic => $steady, partition => $partition, drop => 1 });
    $rig->kafka->fill($steady, n => 1, partition => $partition,
                      start => 100 * $n + 50);
    $eaten++;

    my $ok = eval {
        $_->wait_for(10, 'the eaten one', sub ($now) {
            $now->{least} == $eaten
        }) for @swarms;
        1;
    };
    ok($ok, "round $n: the record of an eaten message comes") or diag($@);
    $proxy->rules;
    $rig->wait_source('redis');
}, share => 0.1);

is($proxy->counts->{dropped}, $eaten / 13, 'messages were eaten');

$rig->produce;


# ---- it is away

sub away ($phase, $seconds, $away, $back) {
    $rig->phase($phase);

    my $end = time + $seconds;
    $away->();
    ok($rig->wait_source('kafka'), "$phase: both nodes read Kafka");

    # the time is the test

    sleep 0.02 while time < $end;
    $back->();
    ok($rig->wait_source('redis'), "$phase: both nodes return to Redis");
    $rig->flows("after \"$phase\"");
}

$rig->rounds(1, sub ($n) {
    away("killed $n", 5, sub { $redis->kill }, sub { $redis->start });
    away("stopped $n", $long ? 10 : 6, sub { $redis->pause },
         sub { $redis->resume });
}, share => 0.4);


# ---- it cuts its subscribers

$rig->phase('cut');

my $cuts = 0;

$rig->rounds($long ? 20 : 6, sub ($n) {
    $cuts += $redis->cmd(qw(CLIENT KILL TYPE pubsub));

    # each second; what comes back is looked at below

    $rig->pass(1);
}, share => 0.2);

$rig->flows('after its subscribers were cut');
ok($rig->wait_source('redis'), 'both nodes return to Redis');
cmp_ok($cuts, '>=', 8, 'subscribers were cut');


$rig->verdict;

$rig->silent($_, qr/^(?:killed|stopped)/, all => 3000) for 'at a', 'at b';
$rig->silent($_, qr/^cut/, all => 3000) for 'at a', 'at b';

# half a second until the next beacon, and at most two more

$rig->silent('at a', qr/^eaten/, all => 2500);

# the node that had everything does not wait

$rig->silent('at b', qr/^eaten/, all => 500);
$rig->silent('hoppers', qr/./, all => undef);

finish;
