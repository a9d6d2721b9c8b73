# Redis behind Sentinels: nodes find the master, leave it when it is replaced,
# and clients notice nothing but a short silence, which is the latency of the
# first record after it.

# alone: what it waits for is timed

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $password = 'open-sesame';
my $kafka = KafkaSSE::Kafka->shared;
my $fleet = KafkaSSE::Redis::Sentinels->new(
    replicas => 3, password => $password, sentinel_password => 'let-me-ask');
my $topic = $kafka->topic('sentinel', partitions => 4);

spew(tempdir() . '/password', "$password\n");
spew(tempdir() . '/sentinel', "let-me-ask\n");
chmod 0644, tempdir() . "/$_" for qw(password sentinel);

# the first address has nobody at it

my $url = 'redis://127.0.0.1:' . KafkaSSE::Rig::free_port() . ' '
          . $fleet->url . ' password_file=' . tempdir() . '/password'
          . ' sentinel_password_file=' . tempdir() . '/sentinel';

my @nodes = map {
    KafkaSSE::Node->new(
        kafka => $kafka, redis => $url, group => 'sentinel', workers => 2,
        redis_prefix => 'sentinel', cluster => 'property debug cgrp;',
        server => <<"END")->start;
location /s { kafka_sse $topic; kafka_sse_data envelope; }
location /status { kafka_sse_status json; }
END
} 1 .. 2;

$nodes[0]->ready([ $topic ], members => 2);

my $rows = KafkaSSE::Rows->new(kafka => $kafka, topic => $topic,
                               nodes => \@nodes);


# how many are subscribed to our channel there

sub subscribers ($redis) {
    my $n = $redis->subscribers;
    my ($channel) = grep { /^sentinel:\{/ } keys %$n;
    return defined $channel ? $n->{$channel} : 0;
}


# A row in which the Sentinels get another master; returns the former one.

sub row ($name, $n, $happens) {
    return $rows->row($name, $n, sub {
        my $before = $fleet->master;
        $happens->($before);

        my $master;
        ok(eval { wait_for(10, 'another master', sub {
                      $master = $fleet->master;
                      $master->port != $before->port;
                  }) }, "$name: the Sentinels have another master");

        # who becomes a master closes the connection that we have there

        ok(eval { wait_for(10, 'subscriptions',
                           sub { eval { subscribers($master) == 2 } }) },
           "$name: both nodes are subscribed there")
            or diag(map { $_->errors } @nodes);

        return $before;
    });
}


# ---- found, although the first Sentinel is not there

$rows->live('the master is found');

like($nodes[0]->status->{redis}{address}, qr/^127\S+( 127\S+){3}$/,
     'the status has the addresses of the Sentinels');
is(scalar($_->log_lines(qr/\[error\].*asking Sentinel/)), 1,
   'the one that is not there is said once') for @nodes;
unlike($_->log, qr/sesame|let-me/, '... and no password') for @nodes;


# ---- a master that was replaced, and does not know: the Sentinels are locked
# out, we are not

my $cut;

row('a master is cut off', 1400, sub ($master) {
    $cut = $master;

    $master->cmd(qw(CONFIG SET requirepass another));
    my @clients = $master->cmd('CLIENT', 'LIST')
                  =~ /^id=(\d+) .* name=sentinel-/mg;
    $master->cmd('CLIENT', 'KILL', 'ID', $_) for @clients;
});

like($cut->cmd('INFO', 'replication'), qr/role:master/,
     'who was cut off still is a master');
is(subscribers($cut), 0, '... whom all have left');


# ---- failovers

row('the master is killed', 1400, sub ($master) { $master->kill });

my ($asked) = $fleet->sentinels;
my $hung = row('the master hangs', 1400, sub ($master) {
    $master->pause;

    # the Sentinel that is asked may hang, too

    $asked->pause;
});

$_->resume for $hung, $asked;


# ---- said once, by each link

for my $node (@nodes) {
    my @said = $node->log_lines(qr/\[error\].*Redis/);
    cmp_ok(scalar @said, '<=', 12, 'three failovers are few lines')
        or diag(@said);
}

finish;
