package KafkaSSE::KafkaSecure;

# A broker whose clients must say who they are.  Beside the listener of every
# Kafka here, which only the tests use and where everything is allowed, it has
#
#     tls          TLS; the client is nobody in particular, and allowed all
#     mtls         TLS with the client's certificate, CN=edge is "edge"
#     sasl         PLAIN, SCRAM-SHA-256 and -512, OAUTHBEARER
#     sasltls      the same with TLS
#     elsewhere    TLS with a certificate of another host
#     expired      TLS with one of last year
#
#     my $kafka = KafkaSSE::KafkaSecure->new(plain => { edge => 'secret' });
#     $kafka->allow('edge', topic => $topic, 'read', 'describe');
#
# plain, scram: names and passwords; version: of Kafka, if not that of others.
# ->listener('sasl') is an address, as a node's "kafka"; ->ca signs all of its
# certificates.

use v5.36;

use parent -norequire, 'KafkaSSE::Kafka';
use KafkaSSE::Kafka;
use KafkaSSE::Authority;
use KafkaSSE::Rig qw(top free_port slurp);

my @listeners = qw(tls mtls sasl sasltls elsewhere expired);


sub new ($class, %opt) {
    my $ca = KafkaSSE::Authority->new;
    my $here = 'DNS:localhost,IP:127.0.0.1';
    my %pem = (
        SERVER => $ca->issue(san => $here),
        ELSEWHERE => $ca->issue(cn => 'elsewhere', san => 'DNS:elsewhere'),
        EXPIRED => $ca->issue(san => $here, expired => 1),
    );
    my $plain = $opt{plain} // {};

    my $users = join ' ', map { qq(user_$_="$plain->{$_}") } sort keys %$plain;
    my %ports = map { $_ => free_port() } @listeners;

    my $conf = slurp(top() . '/t/rig/kafka-secure.properties');

    $conf =~ s{\bCA\.crt$}{$ca->file}gme;
    $conf =~ s{\b([A-Z]+)\.pem$}{$pem{$1}{pem}}gm;
    $conf =~ s/ PLAINUSERS/$users eq '' ? '' : " $users"/ge;
    $conf =~ s/\bPORT09$_\b/$ports{$listeners[$_ - 4]}/g for 4 .. 9;

    my $scram = $opt{scram} // {};

    my @scram = map {
        my $name = $_;
        map { ('--add-scram',
               "$_=[name=$name,password=$scram->{$name},iterations=4096]") }
            qw(SCRAM-SHA-256 SCRAM-SHA-512);
    } sort keys %$scram;

    my $self = $class->SUPER::new(conf => $conf, format => \@scram,
                                  version => $opt{version}, start => 0);

    $self->{listeners} = \%ports;
    $self->{ca} = $ca;
    $self->start;

    return $self;
}


sub listener ($self, $name) {
    return "127.0.0.1:" . ($self->{listeners}{$name} // die "no $name\n");
}


sub ca ($self) { $self->{ca} }


# allow('edge', topic => $name, 'read', ...): topic, group or cluster

sub allow ($self, $user, $type, $name, @operations) {
    $self->tool([ 'acl', 'add', "User:$user", $type, $name, $_ ])
        for @operations;
}


sub forbid ($self, $user, $type, $name, @operations) {
    $self->tool([ 'acl', 'remove', "User:$user", $type, $name, $_ ])
        for @operations;
}


1;
