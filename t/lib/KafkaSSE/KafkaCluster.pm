package KafkaSSE::KafkaCluster;

# Three brokers, each of which is a controller, too; whatever is in the cluster
# is there three times.  What is asked of a broker can be asked of all.
#
#     my $kafka = KafkaSSE::KafkaCluster->new;
#     $_->kill, $_->start for ($kafka->brokers)[1];

use v5.36;

use parent -norequire, 'KafkaSSE::Kafka';
use KafkaSSE::Kafka;
use KafkaSSE::Rig qw(slow);


sub new ($class) {
    my $id = KafkaSSE::Kafka::_id();

    # their ports are known before the first one is made

    my @ports = map { [ KafkaSSE::Rig::free_port(),
                        KafkaSSE::Rig::free_port() ] } 1 .. 3;

    my $voters = join ',', map { "$_\@127.0.0.1:$ports[$_ - 1][1]" } 1 .. 3;

    my @brokers = map {
        my ($port, $controller) = @{$ports[$_ - 1]};

        KafkaSSE::Kafka->new(
            start => 0, cluster_id => $id, port => $port,
            controller => $controller, properties => <<"END");
node.id=$_
controller.quorum.voters=$voters
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
END
    } 1 .. 3;

    my $self = bless { brokers => \@brokers }, $class;

    $_->start(wait => 0) for @brokers;
    $self->whole;

    return $self;
}


sub brokers ($self) { @{$self->{brokers}} }
sub address ($self) { join ',', map { $_->address } $self->brokers }


# Waits until all three are there.

sub whole ($self, $seconds = 60) {
    KafkaSSE::Rig::wait_for($seconds, 'three brokers', sub {
        my $answer = eval { scalar $self->tool([ 'ping', 5 ]) };
        $answer && $answer->{brokers} == 3;
    }, 0.2);
}


sub create ($self, $name, %opt) {
    my $n = $opt{partitions} // 1;
    return $self->SUPER::create($name, %opt, partitions => "$n/3");
}


1;
