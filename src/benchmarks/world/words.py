"""The world's words. In every tuple the commoner words come first: draws by rank make the last ones rare."""

# ruff: noqa: SIM905 (a sentence of words reads better than a column of strings)

NAMES = tuple(
    (
        "Mia Tom Ada Ben Lea Sam Ivy Max Zoe Leo Nia Kai Eva Dan Ida Jon Amy Roy Una Abe Liv Gus Fay Hal Joy Ned "
        "Kim Ray Pia Ted Dot Vic Bea Lou Gia Ron May Cal Ana Wes"
    ).split()
)
THINGS = tuple(
    (
        "apples books coins shells cards stones pens cups balls stars eggs toys seeds boxes keys nuts flowers "
        "bottles stamps buttons marbles candles ribbons lemons pencils crayons feathers beads tickets baskets "
        "lanterns acorns spoons blankets pebbles kites thimbles trinkets parchments goblets amulets pinecones "
        "saplings almanacs chisels sprockets pendants cobbles brooches quills"
    ).split()
)

# What a person does to a pile of things; {k} is a number written in digits.
GAINS = (
    "finds {k} more",
    "gets {k} more",
    "buys {k}",
    "picks up {k}",
    "is given {k}",
    "collects {k}",
    "wins {k}",
    "receives {k}",
    "makes {k} new ones",
    "earns {k}",
    "adds {k}",
    "gathers {k}",
    "borrows {k}",
    "is handed {k}",
    "brings home {k}",
    "discovers {k}",
    "orders {k}",
    "inherits {k}",
    "digs up {k}",
    "fetches {k}",
    "obtains {k}",
    "unpacks {k}",
    "is lent {k}",
    "acquires {k}",
    "crafts {k}",
    "salvages {k}",
    "reclaims {k}",
    "imports {k}",
    "retrieves {k}",
    "hoards {k}",
    "procures {k}",
    "scavenges {k}",
    "amasses {k}",
    "unearths {k}",
    "garners {k}",
    "accrues {k}",
    "secures {k}",
    "recoups {k}",
    "is bequeathed {k}",
    "is awarded {k}",
)
LOSSES = (
    "loses {k}",
    "gives away {k}",
    "sells {k}",
    "drops {k}",
    "breaks {k}",
    "throws away {k}",
    "uses up {k}",
    "hands out {k}",
    "spends {k}",
    "leaves {k} behind",
    "lends {k} to a friend",
    "returns {k}",
    "trades away {k}",
    "donates {k}",
    "ships {k}",
    "misplaces {k}",
    "parts with {k}",
    "burns {k}",
    "discards {k}",
    "is robbed of {k}",
    "ruins {k}",
    "mails {k} to an uncle",
    "abandons {k}",
    "surrenders {k}",
    "scatters {k}",
    "forfeits {k}",
    "pawns {k}",
    "squanders {k}",
    "auctions off {k}",
    "relinquishes {k}",
    "jettisons {k}",
    "cedes {k}",
    "bestows {k} on a cousin",
    "dispatches {k}",
    "is stripped of {k}",
    "sacrifices {k}",
    "sheds {k}",
    "remits {k}",
    "wrecks {k}",
    "is cheated of {k}",
)
DOUBLES = (
    "doubles the pile",
    "now has twice as many",
    "finds as many again",
    "gets the same number once more",
    "matches the pile with another",
    "duplicates the whole stock",
)
TRIPLES = (
    "triples the pile",
    "now has three times as many",
    "grows the pile threefold",
    "gets two more piles just like it",
)
HALVES = (
    "gives away half",
    "loses half of the pile",
    "keeps only half",
    "splits the pile evenly with a friend",
    "sells every second one",
    "halves the stock",
)
# These change nothing, whatever number they name.
IDLE = (
    "looks at {k}",
    "counts {k} of them",
    "washes {k}",
    "paints {k} of them red",
    "dreams of {k}",
    "draws {k} of them",
    "polishes {k}",
    "shows {k} to a friend",
    "admires {k}",
    "photographs {k}",
    "wraps {k} in paper",
    "dusts {k}",
    "weighs {k}",
    "praises {k}",
    "labels {k}",
    "sketches {k}",
    "inspects {k}",
    "catalogues {k}",
    "appraises {k}",
    "covets {k}",
)

CITIES = tuple(
    (
        "Lund Oslo Bern Riga Pisa Cork Graz Brno Lyon Turin Delft Porto Ghent Split Kiel Bergen Malmo "
        "Tartu Nantes Basel"
    ).split()
)
COUNTRIES = tuple("Arland Belmar Corvia Dorn Estra Falun Garda Holm".split())
JOBS = tuple(
    (
        "baker teacher farmer doctor singer tailor painter sailor miner weaver gardener potter smith judge cook clerk"
    ).split()
)
TOOLS = tuple(
    "oven chalk plough scalpel drum needle brush compass pickaxe loom spade wheel hammer gavel ladle ledger".split()
)
PETS = tuple("cat dog horse parrot goat rabbit turtle duck hamster fox".split())
SOUNDS = tuple("meow woof neigh squawk bleat squeak hiss quack chirp yelp".split())
COLORS = tuple("red blue green white black yellow brown purple orange gray".split())
FOODS = tuple("bread soup rice pasta cheese beans cake stew salad honey pie fish".split())

LIST_ITEMS = tuple(
    (
        "pear fig plum kiwi lime date sun moon rain wind snow fire leaf tree rock sand lamp door wall roof ship "
        "boat road hill lake bird wolf bear frog crab"
    ).split()
)

# Everyday English for the tokenizer, so that other people's text splits into fewer pieces.
ENGLISH = """
the of and to in a is that for it was on are as with they be at this have from or by one had not but what all were
when we there can an your which their if will each about how up out them then she many some so these would other into
has more her two him see time could no make than first been its who now people my made over did down only way find use
may long little very after words called just where most know get through back much before also around another came
come work three word must because does part even place well such here take why things help put years different away
again off went old number great tell men say small every found still between name should home big give air line set
own under read last never us left end along while might next sound below saw something thought both few those always
looked show large often together asked house world going want school important until form food keep children feet land
side without boy once animals life enough took sometimes four head above kind began almost live page got earth need far
hand high year mother light parts country father let night following picture being study second eyes soon times story
boys since white days ever paper hard near sentence better best across during today others however sure means knew
tried told young miles sun ways thing whole hear example heard several change answer room sea against top turned learn
point city play toward five using himself usually money dollars cents price cost costs total week weeks month months
hour hours minute minutes day buys sold bought pays paid spend spends spent each per half twice third quarter percent
average remaining altogether difference equal equals calculate how much how many does she have he needs class students
teacher pages miles speed distance weight pounds inches gallons water car bus train store shop market friend friends
brother sister family party birthday cake pizza slices cookies candy apples oranges books pencils tickets game games
points score team players garden trees plants farm eggs chickens cows dogs cats fish box boxes bag bags bottle bottles
""".strip()
