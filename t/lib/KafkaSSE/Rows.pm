package KafkaSSE::Rows;

# What happens to Redis while records flow to clients of all nodes, in the rows
# of one test: a short silence is all that they notice.
#
#     my $rows = KafkaSSE::Rows->new(kafka => $kafka, topic => $topic,
#                                    nodes => \@nodes);
#     $rows->live('Redis is found');
#     $rows->row('the master dies', 1200, sub { $master->kill });
#
# Each node has /s, envelopes of the topic, and /status.

use v5.36;

use Test::More ();
use KafkaSSE::Rig qw(wait_for slow json_encode);
use KafkaSSE::Swarm;


sub new ($class, %opt) { bless { started => 0, %opt }, $class }


# where a node has its records from: kafka, redis, or both

sub _source ($node) {
    my $status = $node->status or return 'none';
    my %source = map { $_->{source} => 1 } map { @{$_->{partitions}} }
                 @{$status->{topics}};
    return join ' ', sort keys %source;
}


# One test: Redis brings them to all nodes.

sub live ($self, $name) {
    my @nodes = @{$self->{nodes}};
    my @is;

    Test::More::ok(eval { wait_for(10, 'Redis', sub {
                              @is = map { _source($_) } @nodes;
                              !grep { $_ ne 'redis' } @is;
                          }, 0.05) }, $name)
        or Test::More::diag("@is\n", map { $_->errors } @nodes);
}


# n records flow to three streams of each node, and something happens; what it
# returns is returned.

sub row ($self, $name, $n, $happens) {
    my @nodes = @{$self->{nodes}};

    $self->live("$name: Redis carries the records");

    my @swarms = map {
        KafkaSSE::Swarm->new(nodes => [ $_ ], path => '/s', streams => 3,
                             expect => $n, seconds => 40, linger => 500,
                             reconnect => 0.1)
    } @nodes;

    $_->wait_for(20, 'streams are open',
                 sub ($now) { $now->{positioned} == 3 }) for @swarms;

    my $filling = $self->{kafka}->filling($self->{topic}, n => $n, rate => 200,
                                          start => $self->{started});
    $self->{started} += $n;

    $_->wait_for(10, 'records flow', sub ($now) { $now->{least} >= 100 })
        for @swarms;

    my $value = $happens->();

    $self->live("$name: Redis carries the records again");

    $filling->finish;

    $self->_verdict($name, $nodes[$_], $swarms[$_]) for 0 .. $#nodes;

    return $value;
}


sub _verdict ($self, $name, $node, $swarm) {
    my $report = $swarm->finish;

    Test::More::is($report->{complete}, 3, "$name: produced = received")
        or Test::More::diag(json_encode({ %$report, each => [] }), "\n",
                            $node->errors);

    $swarm->ok_clean($report, "$name: once and in order, of one connection",
                     qw(resets cut reset refused other_status ends));

    Test::More::cmp_ok($report->{latency}{max}, '<=', 3000 * slow(),
                       "$name: 3 s of silence at most")
        or Test::More::diag(map { "$_\n" } $node->log_lines(
               qr/\[(?:info|notice|warn|error)\].*kafka_sse: /));

    Test::More::note("$name: the longest silence of a node is "
                     . "$report->{latency}{max} ms");
}


1;
