package KafkaSSE::Node;

# A node: nginx with kafka_sse on a Kafka and a Redis.
#
#     my $node = KafkaSSE::Node->new(
#         kafka => $kafka, redis => $redis,
#         server => "location /a { kafka_sse $topic; }")->start;
#
# Nodes of one fleet share group and prefix; each gets new ones if it is not
# told.  kafka may be an address; redis an object with ->url, "off" or text.
# cluster: lines for its block, cluster_name; zone: size.

use v5.36;

use parent -norequire, 'KafkaSSE::Nginx';
use KafkaSSE::Nginx;
use KafkaSSE::Rig qw(unique wait_for json_decode);
use KafkaSSE::SSE;


sub new ($class, %opt) {
    $opt{group} //= unique('group');
    $opt{redis_prefix} //= $opt{group};
    $opt{cluster_name} //= 'main';

    return $class->SUPER::new(%opt);
}


sub group ($self) { $self->{group} }


sub http_lines ($self) {
    my $brokers = ref $self->{kafka} ? $self->{kafka}->address
                                     : $self->{kafka};
    $brokers =~ tr/,/ /;

    my $redis = ref $self->{redis} ? $self->{redis}->url : $self->{redis};
    my $zone = $self->{zone} // '16m';
    my $cluster = $self->{cluster} // '';

    return join "\n",
        defined $redis ? "kafka_sse_redis $redis"
                         . ($redis eq 'off' ? ''
                            : " prefix=$self->{redis_prefix}") . ';' : (),
        "kafka_sse_zone kafka_sse:$zone;",
        "kafka_sse_cluster $self->{cluster_name} {",
        "brokers $brokers;",
        "group_id $self->{group};",
        $cluster,
        '}',
        '';
}


# a stream of this node

sub sse ($self, $path, %opt) {
    return KafkaSSE::SSE->new(
        port => $opt{tls} ? $self->tls_port
                : $opt{window} ? $self->h2c_port : $self->port, path => $path,
        node => $self, %opt);
}


# what a "kafka_sse_status" location says

sub status ($self, $path = '/status') {
    my $r = $self->get($path);
    return eval { json_decode($r->{body}) };
}


# Waits until records flow: a stream of the path has its position and this
# many members are in the group, with all partitions given to somebody.

sub ready ($self, $topics, %opt) {
    my $members = $opt{members} // 1;
    my $kafka = $self->{kafka};

    my $want = 0;
    my $offsets = $kafka->offsets(@$topics);
    $want += @$_ for values %$offsets;

    my $group;

    eval {
        wait_for($opt{seconds} // 30, 'the group is complete', sub {
            $group = $kafka->group($self->{group});
            my @given = map { @{$_->{partitions}} } @{$group->{members}};
            $group->{state} eq 'Stable' && @{$group->{members}} == $members
                && @given == $want;
        }, 0.05);
    } or die "$@group: " . KafkaSSE::Rig::json_encode($group) . "\n"
             . $self->errors;

    return $group;
}


1;
