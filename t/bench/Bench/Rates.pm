package Bench::Rates;

# The curves: what one delivered event costs from rate to rate, and the most
# that goes from one number of streams to another.

use v5.36;

use List::Util qw(max);
use Bench::Rig;
use Bench::Row;

my @rates   = $quick ? (10, 1000) : (10, 30, 100, 300, 1000, 3000);
my @counts  = $quick ? (100) : (100, 1000, 5000);
my $streams = 1000;
my $seconds = $quick ? 1 : 2;
my $step    = 1;                        # seconds of one rate of the ramp


sub new ($class) {
    my @rows = chosen($loop, $gather, $ours, $nchan);
    return bless { rows => \@rows, order => [ map { $_->{name} } @rows ],
                   cost => {}, most => {} }, $class;
}


sub measure ($self) {
    for my $row (@{$self->{rows}}) {
        for my $how (\&cost, \&most) {
            eval { $how->($self, $row); 1 }
                or wrong("rates, $row->{name}: $@");
            servers_stop();
        }
    }
}


# Upwards, as far as it keeps up.

sub cost ($self, $row) {
    my $cost = $self->{cost}{$row->{name}} = [];

    $row->start($streams);
    $self->{conf}{$row->{name}} = $row->{conf};

    for my $rate (@rates) {
        my $r = $row->at($rate, $seconds, 2);
        last if $r->{latency_us}{p99} > 1_000_000;

        if ($r->{why}) {
            wrong("rates, $row->{name}, $rate/s: $r->{why}")
                if !Bench::Row::overloaded($r);
            last;
        }

        push @$cost, $r;
    }

    $row->stop;
}


# Each number of streams begins with the rate that makes half as many events as
# were delivered before.

sub most ($self, $row) {
    my $most = $self->{most}{$row->{name}} = [];
    my $guess = max(50_000, map { $_->{delivered} / 2 }
                                @{$self->{cost}{$row->{name}}});

    for my $n (@counts) {
        $row->start($n);

        my $best = $row->ramp($guess / $n, $step, 1.25);
        $row->stop;
        next if !$best;

        push @$most, $best;
        $guess = $best->{delivered} / 2;
    }
}


sub finish ($self) {
    say "us/event: CPU of worker and companion, ", commas($streams),
        " streams, by records per second.\n";
    line('', map { commas($_) . '/s' } @rates);

    for my $name (@{$self->{order}}) {
        my %at = map { $_->{rate} => $_->{cpu} } @{$self->{cost}{$name} // []};
        line($name, map { cell('%.2f', $at{$_}) } @rates);
    }

    say "\nthe most events/s with p99 <= 250 ms, by streams\n";
    line('', map { commas($_) } @counts);

    for my $name (@{$self->{order}}) {
        my %at = map { $_->{streams} => $_->{delivered} }
                     @{$self->{most}{$name} // []};
        line($name, map { cell('commas', $at{$_}) } @counts);
    }

    say "\n... and then the worker had so many % of its core\n";

    for my $name (@{$self->{order}}) {
        my %at = map { $_->{streams} => $_->{share} }
                     @{$self->{most}{$name} // []};
        line($name, map { cell('%.0f', $at{$_}) } @counts);
    }

    return { map { $_ => $self->{$_} } qw(order cost most conf) };
}


1;
