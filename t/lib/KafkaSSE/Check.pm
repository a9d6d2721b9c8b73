package KafkaSSE::Check;

# The end of every test: "finish" stops all nodes and looks at what they left.
# A test that has started one and ends without it fails.

use v5.36;

use Exporter 'import';
use Test::More;
use KafkaSSE::Nginx;
use KafkaSSE::Rig qw(slurp);

our @EXPORT = qw(finish log_faults is_fault);

my $owner = $$;


# Whether a line of nginx's log must not be there.

sub is_fault ($line) {
    return $line =~ / \[alert\] | \[emerg\] | \Qexited on signal\E
                    | \Qopen socket\E
                    | ERROR:[ ]\w+Sanitizer | \Qruntime error:\E /x;
}


# The lines of a node's logs that must not be there.

sub log_faults ($node) {
    my @faults;
    my @files = ($node->log_file, glob "$node->{prefix}/asan/*");
    push @files, "$node->{prefix}/logs/start.log";

    for my $file (@files) {
        my $text = slurp($file);

        if ($file =~ m{/asan/}) {
            next if $node->{leaks} && $text !~ /ERROR: AddressSanitizer/
                    && $text =~ /LeakSanitizer/;
            push @faults, $text if $text ne '';
            next;
        }

        LINE: for my $line (split /\n/, $text) {
            next if !is_fault($line);

            next if $line =~ /process (\d+) exited on signal/
                    && $node->{killed}{$1};

            next if $node->{leaks} && $line =~ /ERROR: LeakSanitizer/;

            for my $re (@{$node->{expected}}) {
                next LINE if $line =~ $re;
            }

            push @faults, "$line\n";
        }
    }

    return @faults;
}


sub finish {
    for my $node (KafkaSSE::Nginx->all) {
        next if !$node->procs;

        ok($node->quit(20), "$node->{name} quits")
            or diag("still there:\n", $node->titles, $node->errors);
    }

    for my $node (KafkaSSE::Nginx->all) {
        my @faults = log_faults($node);
        @faults = (@faults[0 .. 29], "...\n") if @faults > 30;

        ok(!@faults, "$node->{name} has a clean log") or diag(@faults);
        $node->{checked} = $node->{starts};
    }

    # what happened before says why

    if (!Test::More->builder->is_passing) {
        for my $node (KafkaSSE::Nginx->all) {
            diag("errors of $node->{name}:\n", $node->errors);
        }
    }

    done_testing();
}


# One that fails anyhow has said why; a part of it that is a process of its own
# has no say.

END {
    if ($$ == $owner && $? == 0) {
        my @unchecked = grep { ($_->{starts} // 0) > ($_->{checked} // 0) }
                             KafkaSSE::Nginx->all;

        if (@unchecked) {
            print STDERR map { "# nobody has looked at the log of $_->{name}:"
                               . " the test is to end with \"finish\"\n" }
                             @unchecked;
            $? = 1;
        }
    }
}


1;
