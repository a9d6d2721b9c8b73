# Two nodes of one group share the partitions; every record is on every node,
# once, and both end at the same position although their order is different.

# alone: it takes all processors

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $records = 100_000;
my $streams = 16;

my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my @topics = map { $kafka->topic($_, partitions => 12) } qw(orders couriers);

# each node sees another partition late

my @proxies = map { KafkaSSE::RedisProxy->new($redis) } 0, 1;
$proxies[0]->rules({ topic => $topics[0], partition => 3, delay => 1.5 });
$proxies[1]->rules({ topic => $topics[1], partition => 7, delay => 1 },
                   { topic => $topics[0], partition => 0, delay => 0.5 });

my %fleet = (kafka => $kafka, group => unique('fleet'), workers => 2,
             zone => '128m', server => <<"END");
location /all { kafka_sse @topics; kafka_sse_data envelope; }
location /status { kafka_sse_status json; }
END

my @nodes = map { KafkaSSE::Node->new(%fleet, redis => $_)->start } @proxies;

my $group = $nodes[0]->ready(\@topics, members => 2);


# ---- each partition by one node

{
    my @members = @{$group->{members}};
    my @given = map { @{$_->{partitions}} } @members;
    my %given = map { $_ => 1 } @given;

    is(scalar @members, 2, 'two nodes are two members');
    is(scalar keys %given, 24, 'all partitions are given');
    is(scalar @given, 24, '... each to one member');
    is_deeply([ map { scalar @{$_->{partitions}} } @members ], [ 12, 12 ],
              '... half and half');

    my %instances = map { $_->{instance} => 1 } @members;
    is(scalar keys %instances, 2, 'each node has a member id of its own')
        or diag(json_encode($group));
}

my $channels = $redis->subscribers;
is_deeply([ sort values %$channels ], [ 2, 2 ],
          'a channel per topic, one subscription of each node')
    or diag(json_encode($channels));


# ---- 100,000 records for 16 clients

my $swarm = KafkaSSE::Swarm->new(
    nodes => \@nodes, path => '/all', streams => $streams, expect => $records,
    seconds => 55, reconnect => 0.05, linger => 500);

$swarm->wait_for(20, 'all streams have a position', sub ($now) {
    $now->{positioned} == $streams;
});

# Who falls a megabyte behind is closed, even within a chunk, and comes back;
# on a busy machine that happens to some.

my $filled = $kafka->fill(\@topics, n => $records, size => 200, rate => 12_000,
                          codec => 'lz4');
my $report = $swarm->finish;

$swarm->ok_clean($report, 'every stream: each record once, partitions in '
                          . 'order, ids that advance', 'resets',
                 '-cut_chunk');
is($report->{complete}, $streams, "every stream has $records records")
    or diag(map { json_encode($_) . "\n" } @{$report->{each}});

my $truth = $kafka->digest(@topics);
is($truth->{records}, $records, "Kafka has $records records");

my @each = @{$report->{each}};
is_deeply([ grep { $_->{digest} ne $truth->{digest} } @each ], [],
          'every stream has what Kafka has');


# ---- in another order, to the same end

is_deeply([ map { $_->counts->{delayed} > 0 } @proxies ], [ 1, 1 ],
          'each node had a partition delayed');

my (%order, %last);

for my $i (0 .. $#each) {
    $order{$i % 2}{$each[$i]{order}} = 1;
    $last{$each[$i]{last_id}} = 1;
}

is_deeply([ grep { $order{1}{$_} } keys %{$order{0}} ], [],
          'the order was not the same on both nodes');
is(scalar keys %last, 1, 'all streams of both nodes end at one position')
    or diag(map { "$_->{last_id}\n" } @each);

my %next = map { my ($tag, @next) = @$_; ($tag => "@next") }
               @{position($each[0]{last_id})};
my $ends = $kafka->offsets(@topics);

is_deeply([ sort values %next ],
          [ sort map { join ' ', map { $_->{stable} } @$_ } values %$ends ],
          'which is the end of every partition');


# ---- the work was done once

for my $i (0, 1) {
    is($proxies[$i]->counts->{records}, $records,
       "Redis carried each record once to node $i");
}

# Late is not lost: a partition that is behind others has no gap

my @gaps = grep { $_->{gaps} } map { @{$_->{partitions}} }
           map { @{$_->status->{topics}} } @nodes;
is_deeply(\@gaps, [], 'no envelope was missing') or diag(json_encode(\@gaps));

my $committed;
my $ok = eval {
    wait_for(15, 'commits', sub {
        $committed = $kafka->committed($fleet{group}, @topics);
        !grep { my $t = $_; grep { ($committed->{$t}[$_] // -1)
                                   != $ends->{$t}[$_]{stable} } 0 .. 11 }
              @topics;
    }, 0.2);
};
ok($ok, 'all of it is committed') or diag(json_encode($committed));

note(sprintf 'producing took %d ms; latency p50 %d, p99 %d ms; %d connections',
     $filled->{ms}, @{$report->{latency}}{qw(p50 p99)}, $report->{connects});

finish;
