# Clients that come and go leave nothing behind: no descriptor, no memory, no
# place in shared memory.

# alone: it measures memory

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $topic = $kafka->topic('churn', partitions => 4);

my $node = KafkaSSE::Node->new(
    kafka => $kafka, redis => $redis, workers => 1, connections => 2048,
    server => <<"END")->start;
location /s { kafka_sse $topic; kafka_sse_data envelope; }
location /status { kafka_sse_status json; }
END

$node->ready([ $topic ]);

my ($worker) = $node->workers;
my $companion = $node->companion;


# what can grow: descriptors and private memory of a process, its mappings

sub held {
    my %held;

    for my $pid ($worker, $companion) {
        my $usage = KafkaSSE::Nginx->usage($pid);
        my @shared = slurp("/proc/$pid/maps") =~ /^\S+ rw-s/mg;
        my $name = $pid == $worker ? 'worker' : 'companion';

        $held{"$name fds"} = $usage->{fds};
        $held{"$name anon"} = $usage->{anon};
        $held{"$name shared"} = scalar @shared;
    }

    return \%held;
}


# n connections, up to 100 at a time, each left when it has its position

sub churn ($n) {
    my $swarm = KafkaSSE::Swarm->new(
        nodes => [ $node ], path => '/s', streams => 100, churn => $n,
        seconds => 40);
    return $swarm->finish;
}


# what a first round allocates, it keeps; with records on the way, so that
# groups and logs come and go, too

my $filling = $kafka->filling($topic, rate => 300, size => 500);
churn(1000);

my $before = held();
my $report = churn(1000);
is($report->{churned}, 1000, '1,000 clients have come and gone')
    or diag(json_encode({ %$report, each => [] }));
is($report->{faults} + $report->{cut_chunk} + $report->{other_status}, 0,
   'each was served') or diag(json_encode({ %$report, each => [] }));

$filling->finish;

my $after;

eval {
    wait_for(10, 'descriptors are as before', sub {
        $after = held();
        $after->{'worker fds'} <= $before->{'worker fds'};
    }, 0.1);
};

$after = held();

for my $name (qw(worker companion)) {
    cmp_ok($after->{"$name fds"}, '<=', $before->{"$name fds"},
           "$name: no descriptor is left");

    # ASan keeps what is freed, to find who uses it

    cmp_ok($after->{"$name anon"}, '<=', $before->{"$name anon"} + 1024,
           "$name: no memory is left (1 MB is noise)")
        if !$ENV{KAFKA_SSE_TEST_SANITIZER};

    is($after->{"$name shared"}, $before->{"$name shared"},
       "$name: shared memory is the same");
}

note(json_encode($before), "\n", json_encode($after));


# clients that leave before they have their answer, or in the middle of it

{
    my @sse = map { $node->sse('/s') } 1 .. 200;
    $_->close for @sse;

    @sse = map { $node->sse('/s')} 1 .. 50;
    $sse[0]->wait_position;
    my $filling = $kafka->filling($topic, n => 300, size => 50_000);
    $sse[0]->wait_records(3);
    $_->close for @sse;
    $filling->finish;

    is(($node->workers)[0], $worker, 'the worker lives');

    my $open = eval {
        wait_for(10, 'nobody is there', sub {
            KafkaSSE::Nginx->usage($worker)->{fds} <= $before->{'worker fds'};
        });
    };
    ok($open, '... and has no descriptor of those who left')
        or diag(json_encode(held()));
}

finish;
