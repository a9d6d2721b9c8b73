package KafkaSSE::Test;

# "use KafkaSSE::Test" is all that a test file needs: strict, warnings,
# signatures, Test::More, and the rig.

use v5.36;

use feature ();
use Test::More;
use Time::HiRes qw(time sleep);
use KafkaSSE::Rig qw(wait_for unique json_decode json_encode slurp spew slow
                     tempdir run);
use KafkaSSE::Authority;
use KafkaSSE::Kafka;
use KafkaSSE::Redis;
use KafkaSSE::RedisProxy;
use KafkaSSE::Nginx;
use KafkaSSE::Node;
use KafkaSSE::Rows;
use KafkaSSE::SSE qw(pump position position_order);
use KafkaSSE::Swarm;
use KafkaSSE::Check;

my @rig = qw(wait_for unique json_decode json_encode slurp spew slow tempdir
             run pump position position_order finish log_faults is_fault time
             sleep);


sub import {
    feature->import(':5.36');
    strict->import;
    warnings->import;

    my $caller = caller;

    no strict 'refs';

    for my $name (@Test::More::EXPORT, @rig) {
        next if $name !~ /^\w+$/;
        *{"${caller}::$name"} = \&{$name};
    }
}


1;
