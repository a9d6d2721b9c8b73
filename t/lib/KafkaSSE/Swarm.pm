package KafkaSSE::Swarm;

# Many streams at once, in a process of their own: t/tool/sse.c.
#
#     my $swarm = KafkaSSE::Swarm->new(nodes => [ $a, $b ], path => '/all',
#                                      streams => 16, expect => 100_000);
#     $swarm->wait_for(20, 'all open', sub ($now) { $now->{open} == 16 });
#     my $report = $swarm->finish;

use v5.36;

use POSIX ();
use Test::More ();
use KafkaSSE::Rig qw(build tempdir unique spawn wait_exit slurp json_decode
                     slow alive);


sub new ($class, %opt) {
    my $name = tempdir() . '/' . unique('swarm');
    my $seconds = ($opt{seconds} // 60) * slow();

    my @cmd = (build() . '/tool/sse', '-f', "$name.now", '-t', $seconds);

    push @cmd, '-a', '127.0.0.1:' . $_->port for @{$opt{nodes}};
    push @cmd, '-u', $_ for ref $opt{path} ? @{$opt{path}} : $opt{path};
    push @cmd, '-H', $_ for @{$opt{headers} // []};
    push @cmd, '-R' if exists $opt{reconnect} && !$opt{reconnect};
    push @cmd, '-r', $opt{reconnect} * 1000 if $opt{reconnect};

    my %letter = (streams => '-n', expect => '-e', records => '-i',
                  drop => '-d', churn => '-C', pending => '-c',
                  linger => '-l', seed => '-S', hop => '-h', cut => '-b',
                  retry_max => '-m', measured => '-q');

    for (sort keys %letter) {
        push @cmd, $letter{$_}, $opt{$_} if defined $opt{$_};
    }

    if ($opt{ids}) {
        KafkaSSE::Rig::spew("$name.ids", join '', map { "$_\n" } @{$opt{ids}});
        push @cmd, '-L', "$name.ids";
    }

    my $control;

    if ($opt{commands}) {
        push @cmd, '-I', '-j', "$name.journal", '-s', "$name.seen";

        # for both directions: else each side waits for the other

        POSIX::mkfifo("$name.in", 0600) or die "$name.in: $!";
        open $control, '+<', "$name.in" or die "$name.in: $!";
    }

    my $pid = spawn(\@cmd, in => $control ? "$name.in" : undef,
                    out => "$name.out", err => "$name.err", leash => 1);

    return bless { %opt, name => $name, pid => $pid, seconds => $seconds,
                   control => $control, sent => 0 }, $class;
}


# With commands => 1: what t/tool/sse.c is to do from now on, see its head.

sub tell ($self, @lines) {
    syswrite $self->{control}, $_ . "\n" or die "sse: $!" for @lines;
    $self->{sent} += @lines;
}

sub told ($self, $seconds = 10) {
    $self->wait_for($seconds, 'commands are taken',
                    sub ($now) { $now->{commands} >= $self->{sent} });
}

# its report is there

sub ended ($self) { -s "$self->{name}.out" }

sub journal ($self) { "$self->{name}.journal" }
sub seen ($self)    { "$self->{name}.seen" }


# The totals so far; see report_total() in t/tool/sse.c.

sub now ($self) {
    my $text = slurp("$self->{name}.now");
    return $text eq '' ? {} : json_decode($text);
}


sub wait_for ($self, $seconds, $what, $condition) {
    my $now;

    my $value = eval {
        KafkaSSE::Rig::wait_for($seconds, $what, sub {
            $now = $self->now;
            %$now && $condition->($now);
        }, 0.1);
    };

    return $value if $value;

    my @errors = map { $_->errors } @{$self->{nodes}};
    require Carp;
    Carp::croak("$@so far: " . KafkaSSE::Rig::json_encode($now) . "\n"
                . slurp("$self->{name}.err") . "@errors");
}


# Waits for its end (all complete, or the time over) and returns the report.

sub finish ($self, %opt) {
    CORE::kill(TERM => $self->{pid}) if $opt{now};

    my $status = wait_exit($self->{pid}, $self->{seconds} + 20);

    die "t/tool/sse failed: " . slurp("$self->{name}.err")
        if !defined $status || $status;

    return json_decode(slurp("$self->{name}.out"));
}

sub stop ($self) { $self->finish(now => 1) }


# One test: all that must be zero in a report is; others may be named, and
# "-name" is one that need not be.

sub ok_clean ($self, $report, $name, @more) {
    my %not = map { /^-(.*)/ ? ($1 => 1) : () } @more;
    my @bad = grep { !$not{$_} && $report->{$_} }
              qw(repeated disorder id_none id_bad id_back id_same id_wrong
                 faults cut_chunk), @more;

    my $ok = Test::More::ok(!@bad, $name);

    if (!$ok) {
        my %total = %$report;
        delete $total{each};
        Test::More::diag("wrong: @bad\n",
                         KafkaSSE::Rig::json_encode(\%total));
    }

    return $ok;
}


1;
