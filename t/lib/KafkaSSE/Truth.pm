package KafkaSSE::Truth;

# What is in Kafka, read by a consumer of the test's own (read_committed), and
# what streams have seen of it.  No id is looked at: a record says itself which
# one it is.
#
#     my $truth = KafkaSSE::Truth->new($kafka, @topics);
#     my @faults = $truth->compare($swarm, loose => { $compacted_topic => 1 });

use v5.36;

use KafkaSSE::Rig qw(slurp);


sub new ($class, $kafka, @topics) {
    my $self = bless { kafka => $kafka, topics => \@topics, bits => {},
                       last => {}, records => 0 }, $class;

    for my $p ($kafka->runs(@topics)) {
        $self->{digest} = $p->{digest} if defined $p->{digest};
        next if !$p->{runs};

        my $key = "$p->{topic}/$p->{partition}";
        my $bits = '';

        for my $run (@{$p->{runs}}) {
            my ($first, $last) = @$run;

            vec($bits, $_, 1) = 1 for $first .. $last;
            $self->{records} += $last - $first + 1;
            $self->{last}{$key} = $last;
        }

        $self->{bits}{$key} = $bits;
    }

    return $self;
}


sub records ($self)    { $self->{records} }
sub digest ($self)     { $self->{digest} }     # of all, see t/tool/digest.h
sub partitions ($self) { sort keys %{$self->{bits}} }
sub last ($self)       { $self->{last} }


# A fault is { stream, partition, first, last, n, what }: what is "lost", or
# "foreign": never committed.  Kafka forgets records of a loose topic, so that
# streams may have more of it; with begins { partition => offset } what is below
# is nobody's business.

sub compare ($self, $swarm, %opt) {
    my %seen;
    my @faults;

    open my $fh, '<:raw', $swarm->seen or die $swarm->seen . ": $!";

    while (defined(my $line = readline $fh)) {
        my ($stream, $topic, $partition, $size) = split ' ', $line;

        read($fh, my $bits, $size) == $size or die 'cut: ' . $swarm->seen;
        $seen{$stream}{"$topic/$partition"} = $bits;
    }

    for my $stream (0 .. $swarm->{streams} - 1) {
        for my $key ($self->partitions) {
            my $truth = $self->{bits}{$key};
            my $seen = $seen{$stream}{$key} // '';
            my $size = length $truth > length $seen ? length $truth
                                                    : length $seen;

            $_ .= "\0" x ($size - length) for $truth, $seen;

            if (my $begin = $opt{begins}{$key}) {
                vec($_, $begin >> 3, 8) &= 0xff << ($begin & 7)
                    for $truth, $seen;
                substr $_, 0, $begin >> 3, "\0" x ($begin >> 3)
                    for $truth, $seen;
            }

            next if $seen eq $truth;

            my ($topic) = $key =~ m{(.*)/};
            my %wrong = (lost => $truth &. ~.$seen);
            $wrong{foreign} = $seen &. ~.$truth if !$opt{loose}{$topic};

            for my $what (sort keys %wrong) {
                push @faults, map {
                    { %$_, stream => $stream, partition => $key,
                      what => $what }
                } _ranges($wrong{$what}, $truth);
            }
        }
    }

    return @faults;
}


# Offsets that are next to each other in Kafka, its holes aside.

sub _ranges ($bits, $truth) {
    my @ranges;

    while ($bits =~ /[^\0]/g) {
        my $at = 8 * (pos($bits) - 1);

        for my $offset (grep { vec $bits, $_, 1 } $at .. $at + 7) {
            my $range = $ranges[-1];

            if ($range && !grep { vec $truth, $_, 1 }
                               $range->{last} + 1 .. $offset - 1)
            {
                $range->{last} = $offset;
                $range->{n}++;

            } else {
                push @ranges, { first => $offset, last => $offset, n => 1 };
            }
        }
    }

    return @ranges;
}


# When records were made, by place "topic/partition:offset", ms.

sub produced ($self, @places) {
    my %want = map { $_ => 1 } @places;
    my %when;

    for my $r ($self->{kafka}->consume(@{$self->{topics}})) {
        my $place = "$r->{topic}/$r->{partition}:$r->{offset}";
        $when{$place} = $r->{timestamp} if $want{$place};
    }

    return \%when;
}


1;
