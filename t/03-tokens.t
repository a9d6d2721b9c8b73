# The matrix of tokens, by what the module's pure parts say of each: the parser,
# the keys and the claims, without nginx.  t/61-tokens.t asks nginx the same.

use FindBin;
use lib "$FindBin::Bin/lib";
use KafkaSSE::Test;
use KafkaSSE::Rig qw(top);
use KafkaSSE::Token;

my $src = $ENV{NGX_SRC} || top() . '/build/nginx';
my $judge = top() . '/build/unit/plain/judge';

plan skip_all => "no configured nginx in $src"
    if !-f "$src/objs/ngx_auto_config.h";

my $log = `make -s -C '${\ top()}/t/unit' NGX_SRC='$src' '$judge' 2>&1`;

is($?, 0, 'the judge builds') or BAIL_OUT($log);

my $tokens = KafkaSSE::Token->new;
my $rings = $tokens->rings;
my @cases = $tokens->cases;
my $dir = tempdir();
my %seen;

cmp_ok(scalar @cases, '>=', 350, 'there are cases: ' . @cases);
is_deeply([ grep { $seen{$_}++ } map { $_->{name} } @cases ], [],
          'each with its name');

spew("$dir/$_", $rings->{$_}{text}) for keys %$rings;

my $now = time;

spew("$dir/input", join '', map {
    my $token = ref $_->{token} ? $_->{token}->($now) : $_->{token};
    "$dir/$_->{ring}\t$rings->{$_->{ring}}{algs}\t" . unpack('H*', $token)
    . "\n";
} @cases);

my @said = split /\n/, `$judge < $dir/input`;

is($?, 0, 'the judge ends well');
is(scalar @said, scalar @cases, 'and has an answer to each');

for my $case (@cases) {
    my $said = shift(@said) // 'nothing';
    my $good = $case->{late} || $case->{good};

    ok($good ? $said eq 'ok' : $said =~ /^(?:parse|verify|claims): /,
       "$case->{name} ($case->{why}): " . ($good ? 'taken' : 'refused'))
        or diag("ring $case->{ring}: $said");
}

done_testing();
