# A topic that is deleted and made again, shorter or longer than it was, slowly
# or at once: live streams are told once, then they get all of the new one.
# Where librdkafka tells topics' ids, streams end after they have been told.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;

my $ids = slurp(KafkaSSE::Nginx::module()) =~ /rd_kafka_DescribeTopics/;
my $kafka = KafkaSSE::Kafka->shared;
my $redis = KafkaSSE::Redis->new;
my $partitions = 3;
my $seconds = 20;


sub server ($topic) {
    return <<"END";
kafka_sse_retry 100ms;
location /s { kafka_sse $topic; kafka_sse_data envelope; }
location /status { kafka_sse_status json; }
END
}

# the topic goes, for so long, and comes with n records

sub again ($topic, $away, $n) {
    $kafka->delete($topic);

    my $until = time + $away;
    KafkaSSE::SSE::pump($away + 5, 'the time is over', sub { time >= $until })
        if $away;

    # its log may still be on its way out

    wait_for(10, 'the topic is made again', sub {
        eval { $kafka->create($topic, partitions => $partitions); 1 }
    }, 0.01);

    $kafka->fill($topic, n => $n, start => 5000) if $n;
}

sub remembered {
    my $until = time + 1;
    KafkaSSE::SSE::pump(10, 'a record is remembered', sub { time >= $until });
}

sub places (@records) {
    return [ sort map { "$_->{partition}:$_->{offset} $_->{value}" } @records ];
}

# what a stream has got since the last "stream-reset", and whether in order

sub since_reset ($sse) {
    my (@records, %last);

    for my $event (@{$sse->events}) {
        if ($event->{event} eq 'stream-reset') {
            @records = %last = ();

        } elsif ($event->{event} eq 'message') {
            my $r = json_decode($event->{data});
            push @records, $r;
            diag("$r->{partition}:$r->{offset} after $last{$r->{partition}}")
                if $r->{offset} <= ($last{$r->{partition}} // -1);
            $last{$r->{partition}} = $r->{offset};
        }
    }

    return @records;
}

sub resets ($sse) {
    return map { json_decode($_->{data}) }
           grep { $_->{event} eq 'stream-reset' } @{$sse->events};
}

sub stream ($node) {
    return $node->sse('/s', $ids ? (reconnect => 0.1) : ())->wait_position;
}

# Of these open streams, after "again": $held is where partitions were.

sub told ($name, $topic, $n, $held, @streams) {
    my $began = time;
    my @truth = places($kafka->consume($topic))->@*;

    for my $sse (@streams) {
        eval {
            $sse->wait_for($seconds, "$name: told", sub { resets($sse) });
            $sse->wait_for($seconds, "$name: all records", sub {
                since_reset($sse) >= @truth
            });
        } or diag($@, $sse->describe, $sse->{node}->errors);
    }

    note(sprintf '%s: all is there after %d ms', $name,
         1000 * (time - $began));

    for my $sse (@streams) {
        my @resets = resets($sse);

        is(scalar @resets, 1, "$name: one stream-reset")
            or diag(json_encode(\@resets));

        my %ranges = map { $_->{partition} => $_ } map { @$_ } @resets;

        # a longer one goes on for a moment where the former one ended

        my @wrong = grep {
            my $range = $ranges{$_};
            !$range || $range->{reason} ne 'recreated' || $range->{to} != 0
                || $range->{from} < $held->[$_]
        } 0 .. $partitions - 1;

        is_deeply(\@wrong, [],
                  '... of all partitions, which begin anew, "recreated"')
            or diag(json_encode(\@resets));

        is_deeply(places(since_reset($sse)), \@truth,
                  '... then all records of the new topic, once');
        is_deeply($sse->faults, [], '... in a proper stream');
    }

    # what comes is live again

    my @before = map { scalar since_reset($_) } @streams;

    $kafka->fill($topic, n => 30, start => 9000);

    for my $i (0 .. $#streams) {
        eval {
            $streams[$i]->wait_for($seconds, "$name: live", sub {
                since_reset($streams[$i]) >= $before[$i] + 30
            });
        } or diag($@, $streams[$i]->{node}->errors);
        is_deeply(places(since_reset($streams[$i])),
                  places($kafka->consume($topic)),
                  '... and what is produced later');
        is(scalar(resets($streams[$i])), 1, '... without another word');
    }
}

sub held ($node) {
    return [ map { $_->{position} }
                 @{$node->status->{topics}[0]{partitions}} ];
}


# ---- two nodes, which each have an open stream

my $topic = $kafka->topic('again', partitions => $partitions);
my %fleet = (kafka => $kafka, redis => $redis, group => unique('again'),
             server => server($topic));
my @nodes = map { KafkaSSE::Node->new(%fleet)->start } 1, 2;

$nodes[0]->ready([ $topic ], members => 2);
$kafka->fill($topic, n => 90);

my $length = 90;

for my $case ([ 'shorter, at once', 0, 30 ],
              [ 'longer, at once', 0, 600 ],
              [ 'longer, slowly', 4, 1500 ],
              [ 'shorter, slowly', 4, 60 ])
{
    my ($name, $away, $n) = @$case;

    # caught up

    my @streams = map { stream($_) } @nodes;

    KafkaSSE::SSE::pump($seconds, "$name: caught up", sub {
        !grep {
            my $sum = 0;
            $sum += $_ // 0 for @{held($_)};
            $sum != $length
        } @nodes
    });

    my $held = held($nodes[0]);

    remembered();
    again($topic, $away, $n);
    told($name, $topic, $n, $held, @streams);

    $_->close for @streams;
    $length = $n + 30;
}


# ---- it vanishes, is there again with nothing in it, and fills later

{
    my @streams = map { stream($_) } @nodes;
    my $held = held($nodes[0]);

    again($topic, 4, 0);

    for my $sse (@streams) {
        $sse->wait_for($seconds, 'told', sub { resets($sse) });
    }

    told('empty, slowly', $topic, 0, $held, @streams);
    $_->close for @streams;
}


# ---- while a companion, or a node, is away

{
    my @streams = map { stream($_) } @nodes;
    $kafka->fill($topic, n => 300);
    $_->wait_records(300) for @streams;

    remembered();

    my $held = held($nodes[0]);
    my $companion = $nodes[0]->companion;

    kill STOP => $companion;
    again($topic, 0, 900);
    $nodes[0]->kill_process($companion);

    told('a companion was away', $topic, 900, $held, @streams);
    $_->close for @streams;
}

{
    my $sse = stream($nodes[1]);
    my $held = held($nodes[1]);

    $nodes[0]->quit;
    remembered();
    again($topic, 0, 1500);
    $nodes[0]->start;

    told('a node was away', $topic, 1500, $held, $sse);
    $sse->close;

    $sse = $nodes[0]->sse('/s')->wait_position;
    $kafka->fill($topic, n => 30);
    $sse->wait_records(30);
    is(scalar($sse->records), 30, '... which serves the new topic')
        or diag($sse->describe, $nodes[0]->errors);
    is(scalar(resets($sse)), 0, '... without a word');
}

finish;
