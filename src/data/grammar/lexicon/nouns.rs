//! Nouns and names.

use super::Kind;

/// Rows of singular and plural.
pub(super) fn nouns(kind: Kind) -> &'static str {
    match kind {
        Kind::Maker => {
            "engineer engineers, mechanic mechanics, plumber plumbers, carpenter carpenters, \
             inventor inventors, blacksmith blacksmiths, watchmaker watchmakers, \
             locksmith locksmiths, electrician electricians, welder welders"
        }
        Kind::Cook => {
            "baker bakers, cook cooks, chef chefs, waiter waiters, butcher butchers, \
             butler butlers, brewer brewers, innkeeper innkeepers, grocer grocers, \
             housekeeper housekeepers"
        }
        Kind::Scholar => {
            "teacher teachers, professor professors, poet poets, lawyer lawyers, \
             student students, editor editors, librarian librarians, historian historians, \
             philosopher philosophers, journalist journalists"
        }
        Kind::Keeper => {
            "farmer farmers, hunter hunters, shepherd shepherds, fisherman fishermen, \
             trainer trainers, cowboy cowboys, beekeeper beekeepers, rancher ranchers, \
             zookeeper zookeepers, jockey jockeys"
        }
        Kind::Musician => {
            "singer singers, pianist pianists, violinist violinists, drummer drummers, \
             composer composers, conductor conductors, fiddler fiddlers, organist organists, \
             trumpeter trumpeters, cellist cellists"
        }
        Kind::Traveller => {
            "sailor sailors, captain captains, pilot pilots, pirate pirates, \
             explorer explorers, admiral admirals, smuggler smugglers, merchant merchants, \
             viking vikings, adventurer adventurers"
        }
        // Friends go by their names only.
        Kind::Friend => "",
        Kind::Animal => {
            "horse horses, dog dogs, cat cats, goat goats, cow cows, elephant elephants, \
             parrot parrots, goose geese, monkey monkeys, owl owls, pig pigs"
        }
        Kind::Machine => {
            "clock clocks, engine engines, tractor tractors, radio radios, robot robots, \
             bicycle bicycles, telescope telescopes, furnace furnaces, typewriter typewriters, \
             elevator elevators"
        }
        Kind::Food => {
            "cake cakes, potato potatoes, pie pies, soup soups, sausage sausages, egg eggs, \
             apple apples, pancake pancakes, onion onions, omelette omelettes"
        }
        Kind::Text => {
            "book books, letter letters, poem poems, story stories, novel novels, essay essays, \
             report reports, diary diaries, dictionary dictionaries, riddle riddles"
        }
        Kind::Music => {
            "song songs, waltz waltzes, sonata sonatas, march marches, opera operas, \
             hymn hymns, lullaby lullabies, symphony symphonies, tango tangos, anthem anthems"
        }
        Kind::Vessel => {
            "ship ships, boat boats, balloon balloons, ferry ferries, canoe canoes, raft rafts, \
             submarine submarines, airship airships, yacht yachts, icebreaker icebreakers"
        }
    }
}

pub(super) const MEN: &str = "john, peter, paul, george, henry, arthur, felix, oscar, hugo, \
                              simon, walter, edgar, otto, leo, bruno, victor, carl, frank, \
                              louis, martin, robert, samuel, thomas, william";

pub(super) const WOMEN: &str = "mary, anna, clara, emma, alice, rose, helen, julia, martha, \
                                sophie, nora, edith, vera, ida, olga, greta, agnes, betty, \
                                dora, ellen, flora, laura, lucy, ruth";

pub(super) const CITIES: &str = "london, paris, vienna, rome, berlin, madrid, lisbon, prague, \
                                 dublin, athens, oslo, geneva, budapest, venice, cairo, warsaw, \
                                 naples, boston, istanbul, kyoto, tokyo, chicago, hamburg, lima";

pub(super) const LANDMARKS: &str = "station, bridge, castle, harbor, market, museum, river, \
                                    church, lighthouse, theater, volcano, orchard";

pub(super) const GARMENTS: &str = "hat, coat, scarf, umbrella, beard, wig, ribbon, monocle";
