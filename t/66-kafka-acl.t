# What Kafka's ACLs forbid: a topic or the group.  It is said once, hurts
# nothing else, and heals when it is allowed.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;
use KafkaSSE::KafkaSecure;
use KafkaSSE::Secure;

my $password = 'of-edge-5e1f';
my $kafka = KafkaSSE::KafkaSecure->new(plain => { edge => $password });
my $file = secret("$password\n");

my $lines = <<"END";
property security.protocol sasl_plaintext;
property sasl.mechanism PLAIN;
property sasl.username edge;
property_file sasl.password $file;
END

my $group = unique('acl');
my ($ok, $described, $hidden) =
    map { $kafka->topic($_, partitions => 2) } qw(ok described hidden);

$kafka->fill($_, n => 20) for $ok, $described, $hidden;
$kafka->allow('edge', topic => $ok, 'read');
$kafka->allow('edge', topic => $described, 'describe');

my $node = secure_node($kafka, 'sasl', $ok, $lines, group => $group,
                       server => <<"END")->start;
location = /described { kafka_sse $described cluster=main; }
location = /hidden { kafka_sse $hidden cluster=main; }
location = /both { kafka_sse $ok $described $hidden cluster=main; }
END

sub said ($what) {
    return grep { /\[error\]/ } $node->log_lines(qr/cluster "main", \Q$what/);
}

sub works ($what) {
    return $node->log_lines(qr/\[notice\].*cluster "main", \Q$what\E: works/);
}

sub soon ($name, $condition, $seconds = 20) {
    ok(eval { wait_for($seconds, $name, $condition, 0.05) }, $name)
        or diag(json_encode(cluster_status($node)), $node->errors);
}

sub errors { cluster_status($node)->{authorization_errors} }


# ---- nothing but one topic

my %s = map { $_ => $node->sse("/$_") } qw(s described hidden both);

$s{$_}->wait_position(20) for qw(s both);
soon('three denials stand', sub { cluster_status($node)->{denials} == 3 });

my @said = said(qq(topic "$described"));
is(scalar @said, 1, 'a topic that may only be described is said once')
    or diag(@said);
like($said[0], qr/: user "edge" needs Read on topic "\Q$described\E", /,
     '... with user and operation');

@said = said(qq(topic "$hidden"));
is(scalar @said, 1, 'so is one that may not be known') or diag(@said);
like($said[0], qr/ needs Describe and Read on topic "\Q$hidden\E"/,
     '... with its operations');

@said = said(qq(group "$group"));
is(scalar @said, 1, 'so is the group') or diag(@said);
like($said[0], qr/: user "edge" needs Read on group "\Q$group\E"/,
     '... with its operation');

my $before = errors();
soon('what comes again is counted', sub { errors() > $before });

# no group: each node reads Kafka for itself

$kafka->fill($ok, n => 30);
$_->wait_records(30, 20) for @s{qw(s both)};
is(scalar($_->records), 30, 'streams have all of what is allowed')
    for @s{qw(s both)};
is(cluster_status($node)->{envelopes_published}, 0,
   '... by the reader alone, without a group');

my $again = $node->sse('/all');
$again->wait_records(50, 20);
is(scalar($again->records), 50, '... a replay, too');


# ---- the group

$kafka->allow('edge', group => $group, 'read');
soon('the group is allowed', sub {
    cluster_status($node)->{partitions_assigned} == 2;
});
$kafka->fill($ok, n => 10);
$_->wait_records(40, 20) for @s{qw(s both)};
soon('... and publishes', sub { cluster_status($node)->{envelopes_published} });
is(scalar(works(qq(group "$group"))), 1, '... which is said once');


# ---- topics, while others are served

for my $case ([ $described, 'described' ], [ $hidden, 'hidden' ]) {
    my ($topic, $name) = @$case;

    is(scalar($s{$name}->records), 0, "nothing of $name until now");
    is($s{$name}->ended, undef, '... but heartbeats');

    $kafka->allow('edge', topic => $topic, 'read');
    $s{$name}->wait_position(20);
    $kafka->fill($topic, n => 10);
    $s{$name}->wait_records(10, 20);

    is(scalar($s{$name}->records), 10,
       '... and what is new, but nothing old, when it may be read');
    is($s{$name}->connects, 1, '... on the open stream');
    is(scalar(works(qq(topic "$topic"))), 1, '... which is said once');
}

soon('all of them are consumed for the fleet', sub {
    cluster_status($node)->{partitions_assigned} == 6;
});
soon('nothing is denied any more', sub { !cluster_status($node)->{denials} });
is(cluster_status($node)->{denied}, undef, '... and there is no reason');


# ---- taken back, and given again

my $had = $s{both}->records;

$kafka->forbid('edge', topic => $ok, 'read');
soon('a topic that is forbidden later is said', sub {
    said(qq(topic "$ok")) == 1;
});

$kafka->fill([ $ok, $described, $hidden ], n => 30);
$s{described}->wait_records(20, 20);
is(scalar($s{described}->records), 20, '... and others go on');

$kafka->allow('edge', topic => $ok, 'read');
$s{s}->wait_records(50, 25);
$s{both}->wait_records($had + 30, 25);
is(scalar($s{s}->records), 50, '... what came meanwhile is not lost');
is(scalar($s{both}->records), $had + 30, '... nor beside others');
is_deeply([ map { @{$_->faults} } values %s ], [], '... properly');

soon('it works again', sub { !cluster_status($node)->{denials} }, 30);
is(scalar(said(qq(topic "$ok"))), 1, '... and was said once');

kept($node, $password);
is($node->companions, 1, 'all of it by one companion');
is(scalar($node->log_lines(qr/exited/)), 0, '... that was never started again');

finish;
