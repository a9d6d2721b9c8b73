package KafkaSSE::Secure;

# What the tests of a secured Kafka have in common: a node of one listener,
# that it works, or that it fails as it should, and that no secret is told.
#
#     my $node = secure_node($kafka, 'sasl', $topic, 'property ...;');
#     flows('PLAIN', $node, $topic);
#     kept($node, 'the password');
#
# Beside the cluster "main" of the test each node has "other", where everybody
# is allowed everything: what fails on "main" must not hurt it.

use v5.36;

use Exporter 'import';
use Test::More;
use KafkaSSE::Node;
use KafkaSSE::Redis;
use KafkaSSE::Rig qw(wait_for unique slurp spew slow tempdir run json_encode);
use KafkaSSE::SSE qw(pump);

our @EXPORT = qw(secure_node secret flows fails kept cluster_status);

my %beside;         # the topic of "other", by Kafka
my %kafka_of;       # by node


# A file with a secret, to which only root may have access.

sub secret ($text) {
    my $path = tempdir() . '/' . unique('secret');
    spew($path, $text);
    chmod 0600, $path;
    return $path;
}


sub secure_node ($kafka, $listener, $topic, $lines, %opt) {
    state $redis = KafkaSSE::Redis->new;

    my $beside = $beside{$kafka} //= $kafka->topic('beside');
    my $server = delete $opt{server} // '';
    my $address = $kafka->address;
    my $group = $opt{group} // unique('group');

    my $node = KafkaSSE::Node->new(
        kafka => $kafka->listener($listener), redis => $redis,
        group => $group, level => 'debug', cluster => <<"END",
property debug all;
$lines
END
        http => <<"END", server => <<"END", %opt);
kafka_sse_cluster other { brokers $address; group_id $group; }
kafka_sse_heartbeat 200ms;
END
location = /s { kafka_sse $topic cluster=main; }
location = /all { kafka_sse $topic cluster=main; kafka_sse_start earliest; }
location = /beside { kafka_sse $beside cluster=other; }
location = /status { kafka_sse_status; }
location = /metrics { kafka_sse_status prometheus; }
$server
END

    $kafka_of{$node} = $kafka;

    return $node;
}


sub cluster_status ($node, $name = 'main') {
    my $status = $node->status or return {};
    my ($cluster) = grep { $_->{cluster} eq $name } @{$status->{clusters}};
    return $cluster // {};
}


# What is in Kafka before nginx starts is replayed from there, as the ring does
# not have it; what comes later takes the way through Redis.

sub flows ($name, $node, $kafka, $topic) {
    $kafka->fill($topic, n => 20);
    $node->start;

    my $ok = eval {
        my $live = $node->sse('/s')->wait_position(20);

        wait_for(20, 'the consumer has its partitions', sub {
            cluster_status($node)->{partitions_assigned};
        }, 0.05);

        $kafka->fill($topic, n => 30);
        $live->wait_records(30, 15);

        wait_for(10, 'they were published', sub {
            cluster_status($node)->{envelopes_published};
        }, 0.05);

        my $all = $node->sse('/all');
        $all->wait_records(50, 20);

        is(scalar($live->records), 30, "$name: a stream has its records");
        is(scalar($all->records), 50, '... a replay has all');
        is_deeply([ @{$live->faults}, @{$all->faults} ], [], '... properly');
        1;
    };

    ok($ok, "$name works") or diag($@, $node->errors);

    my $now = cluster_status($node);
    is(join(' ', @$now{qw(authentication_errors tls_errors
                          authorization_errors denials)}, $now->{denied} // ''),
       '0 0 0 0 ', '... without a denial');
}


sub said ($node) {
    return grep { /\[(?:error|crit|alert|emerg)\]/ && /cluster "main"/ }
                $node->log_lines(qr/kafka_sse/);
}


# counter: which one has to grow; reason: what the one line says

sub fails ($name, $node, $counter, $reason) {
    $node->start;

    my $sse = $node->sse('/s');
    my $other = $node->sse('/beside')->wait_position(20);

    ok(eval {
        wait_for(15, 'the error is counted, and again', sub {
            (cluster_status($node)->{$counter} // 0) >= 2;
        }, 0.05);
    }, "$name is counted") or diag(json_encode($node->status));

    my $beats = @{$sse->comments};
    $sse->wait_for(10, 'heartbeats', sub { @{$sse->comments} >= $beats + 4 });
    is($sse->status, 200, '... streams wait');
    is($sse->ended, undef, '... with heartbeats');

    my @said = said($node);
    is(scalar @said, 1, '... said once') or diag(@said);
    like($said[0] // '', $reason, '... with the reason');

    my $now = cluster_status($node);
    is($now->{denials}, 1, '... it stands');
    like($node->get('/metrics')->{body},
         qr/^kafka_sse_cluster_$counter\_total\{cluster="main"\} [1-9]/m,
         '... Prometheus has the number');

    $kafka_of{$node}->fill($beside{$kafka_of{$node}}, n => 5);
    $other->wait_records(5, 20);
    is(scalar($other->records), 5, '... another cluster goes on');

    return $sse;
}


# None of these texts is in what the node has written, or tells.

sub kept ($node, @secrets) {
    my @files = grep { -f } glob "$node->{prefix}/logs/*";
    my %texts = map { $_ => slurp($_) } @files;

    for my $path (qw(/status /metrics)) {
        my $r = eval { $node->get($path) };
        $texts{$path} = $r->{body} if $r;
    }

    my @told;

    for my $secret (@secrets) {
        for my $name (sort keys %texts) {
            my $at = index $texts{$name}, $secret;
            next if $at < 0;
            my $from = $at > 100 ? $at - 100 : 0;
            push @told, "$secret in $name: "
                        . substr($texts{$name}, $from, 300) . "\n";
        }
    }

    ok(@secrets && $texts{$node->log_file} =~ /librdkafka v?\d/
       && !@told, 'no secret is told, though librdkafka tells all it does')
        or diag(@told);
}


1;
