# Sentinels and Redis Cluster over TLS, by users that may do no more than README
# says: a failover and a slot that moves are followed, to certificates that are
# checked again.

# alone: what it waits for is timed

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $topic = $kafka->topic('fleet', partitions => 2);
my $ca = KafkaSSE::Authority->new;
my $trust = 'ca=' . $ca->file;
my $user = 'on >s3cret resetchannels &fleet:* -@all +client|setname +ping';

spew(tempdir() . '/password', "s3cret\n");
chmod 0644, tempdir() . '/password';

my $auth = 'password_file=' . tempdir() . '/password';


sub node ($url) {
    my $node = KafkaSSE::Node->new(
        kafka => $kafka, redis => $url, redis_prefix => 'fleet',
        server => <<"END")->start;
location /s { kafka_sse $topic; kafka_sse_data envelope; }
location /status { kafka_sse_status json; }
END
    $node->ready([ $topic ]);
    return $node;
}


sub quiet ($node, $name) {
    is(scalar($node->log_lines(qr/NOPERM|refuses|certificate|TLS/)), 0, $name)
        or diag($node->errors);
    unlike($node->log, qr/s3cret/, '... and no password is told');
    $node->quit;
}


# ---- Sentinels

{
    my $fleet = KafkaSSE::Redis::Sentinels->new(tls => $ca, replicas => 1);

    $_->cmd(qw(ACL SETUSER edge), split(/ /, $user), qw(+publish +subscribe
                                                        +role))
        for @{$fleet->{redis}};
    $_->cmd(qw(ACL SETUSER default -@all +client|setname +ping +sentinel +acl
               +info))
        for $fleet->sentinels;

    my ($first, @rest) = split / /, $fleet->url;
    my $node = node(join ' ', $first, @rest, 'user=edge', $auth, $trust);
    my $rows = KafkaSSE::Rows->new(kafka => $kafka, topic => $topic,
                                   nodes => [ $node ]);

    $rows->row('the master is killed', 1400, sub {
        my $master = $fleet->master;
        $master->kill;
        wait_for(15, 'another master', sub {
            $fleet->master->port != $master->port;
        });
    });

    # who becomes a master closes the connection that we have there

    my $master = $fleet->master;
    eval { $master->cmd('PING') };

    my $clients = $master->cmd('CLIENT', 'LIST');
    my $port = $master->public_port;
    my @ours = grep { /name=kafka_sse/ } split /\n/, $clients;
    is(scalar(grep { / laddr=127\.0\.0\.1:$port / && /user=edge/ } @ours), 2,
       'both links are at the new one, by TLS') or diag(@ours);
    quiet($node, 'nothing was refused');
}


# ---- a cluster

{
    my $cluster = KafkaSSE::Redis::Cluster->new(tls => $ca, masters => 3);

    $_->cmd(qw(ACL SETUSER edge), split(/ /, $user), qw(+spublish +ssubscribe
                                                        +hello))
        for $cluster->nodes;

    my $node = node($cluster->url . " user=edge $auth $trust");
    my $rows = KafkaSSE::Rows->new(kafka => $kafka, topic => $topic,
                                   nodes => [ $node ]);
    $rows->live('the slot is found');

    my ($channel) = keys %{$cluster->subscribers};
    my $slot = $cluster->slot($channel);
    my $owner = $cluster->owner($slot);
    my ($spare) = grep { $_ != $owner } $cluster->masters;

    $rows->row('the slot moves', 1000, sub {
        $cluster->move($slot, $spare);
        my $n;
        ok(eval { wait_for(10, 'subscription', sub {
                      $n = $cluster->subscribers->{$channel};
                      keys %$n == 1 && $n->{$spare->port};
                  }) }, 'the subscription follows')
            or diag(json_encode($n), $node->errors);
    });

    my $port = $spare->public_port;
    like($node->log, qr/Redis goes on at "127\.0\.0\.1:$port"/,
         'it was told the port for TLS');
    quiet($node, 'nothing was refused');
}

finish;
