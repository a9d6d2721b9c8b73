# Redis Cluster: sharded Pub/Sub on the node that has the slot of the Kafka
# cluster's id, wherever that is.  A record's latency is the silence before it.

# alone: what it waits for is timed

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $cluster = KafkaSSE::Redis::Cluster->new(
    masters => 3, replicas => 1, conf => [
        'cluster-announce-hostname' => 'localhost',
        'cluster-preferred-endpoint-type' => 'hostname',
    ]);
my $topic = $kafka->topic('sharded', partitions => 4);
my $other = $kafka->topic('other', partitions => 2);

my @nodes = map {
    KafkaSSE::Node->new(
        kafka => $kafka, redis => $cluster, group => 'sharded', workers => 2,
        redis_prefix => 'sharded', server => <<"END")->start;
location /s { kafka_sse $topic; kafka_sse_data envelope; }
location /other { kafka_sse $other; }
location /status { kafka_sse_status json; }
END
} 1 .. 2;

$nodes[0]->ready([ $topic, $other ], members => 2);

my $rows = KafkaSSE::Rows->new(kafka => $kafka, topic => $topic,
                               nodes => \@nodes);


# Both nodes are subscribed to both channels at this Redis, and at no other.
# One that is "away" cannot be asked.

sub subscribed_at ($redis, $name, @away) {
    my ($port, $n) = ($redis->port);
    ok(eval { wait_for(10, 'subscriptions', sub {
                  $n = $cluster->subscribers(@away);
                  keys %$n == 2
                      && !grep { keys %$_ != 1 || ($_->{$port} // 0) != 2 }
                               values %$n;
              }, 0.05) }, $name)
        or diag("$port: ", json_encode($n), map { $_->errors } @nodes);
}


# ---- one slot, one node

$rows->live('the slot is found');

my ($channel) = keys %{$cluster->subscribers};
my $slot = $cluster->slot($channel);
my $owner = $cluster->owner($slot);

like($channel, qr/^sharded:\{[\w-]+\}:/, 'channels have the hash tag');
subscribed_at($owner, 'all channels are at the one owner of their slot');

is_deeply([ map { @{$_->cmd('PUBSUB', 'CHANNELS')} } $cluster->nodes ], [],
          'nothing is subscribed on all nodes of the cluster');

my ($spare) = grep { $_ != $owner } $cluster->masters;


# ---- the slot moves, and back; so far nodes were told by name, see above

$rows->row('the slot moves', 1200, sub {
    $cluster->move($slot, $spare);
    subscribed_at($spare, 'the slot moves: both links of both nodes follow');

    $cluster->move($slot, $owner);
    subscribed_at($owner, '... and back');
});


cmp_ok(scalar($_->log_lines(qr/Redis goes on at "localhost:/)), '>=', 2,
       '... to where they were told by name') for @nodes;


# ---- a master dies, its replica takes over; nodes are told by address

$_->cmd(qw(CONFIG SET cluster-preferred-endpoint-type ip)) for $cluster->nodes;

# Waits until another node than this one has the slot, and our channels.

sub taken_over ($name, $old, $witness) {
    my $next;

    wait_for(10, 'another owner', sub {
        $next = $cluster->owner($slot, $witness);
        $next && $next->port != $old->port;
    });

    subscribed_at($next, "$name: its replica has all channels", $old);

    return $next;
}

my $next;

$rows->row('a master is killed', 1400, sub {
    $owner->kill;
    $next = taken_over('a master is killed', $owner, $spare);
});

$owner->start;
wait_for(20, 'the old master is a replica', sub {
    $owner->cmd('INFO', 'replication') =~ /master_link_status:up/;
});

$rows->row('a master hangs', 1400, sub {
    $next->pause;
    taken_over('a master hangs', $next, $spare);
});

$next->resume;


# ---- said once

for my $node (@nodes) {
    my @errors = $node->log_lines(qr/\[error\].*Redis/);
    cmp_ok(scalar @errors, '<=', 12, 'an outage is not said each second')
        or diag(@errors);
}

finish;
