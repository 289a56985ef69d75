//! Verbs. Past and participle are the same word in each row.

use super::Kind;

/// Verbs that take the same subjects and the same complements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) enum VerbClass {
    /// What a trade does to its products.
    Craft(Kind),
    /// What any person does to a person.
    Social,
    /// Feelings towards persons and things: the verbs of relative clauses.
    Stative,
    /// What an animal does to a person.
    Harass,
    /// What a thing does to a person.
    Affect,
    /// Verbs without an object.
    Intransitive(Kind),
    /// Verbs with "to" and a city.
    Motion,
    /// Verbs with a clause as their object.
    Say,
    /// Verbs with a pronoun that refers to the subject.
    Reflexive,
    /// Verbs whose particle stands behind the object.
    Particle(Particle),
    /// Verbs whose object has this preposition.
    Prepositional(Preposition),
}

impl VerbClass {
    #[cfg(test)]
    pub(in super::super) const ALL: [Self; 24] = [
        Self::Craft(Kind::Maker),
        Self::Craft(Kind::Cook),
        Self::Craft(Kind::Scholar),
        Self::Craft(Kind::Keeper),
        Self::Craft(Kind::Musician),
        Self::Craft(Kind::Traveller),
        Self::Social,
        Self::Stative,
        Self::Harass,
        Self::Affect,
        Self::Intransitive(Kind::Friend),
        Self::Intransitive(Kind::Animal),
        Self::Intransitive(Kind::Machine),
        Self::Motion,
        Self::Say,
        Self::Reflexive,
        Self::Particle(Particle::Up),
        Self::Particle(Particle::Away),
        Self::Particle(Particle::Back),
        Self::Particle(Particle::Down),
        Self::Prepositional(Preposition::To),
        Self::Prepositional(Preposition::For),
        Self::Prepositional(Preposition::About),
        Self::Prepositional(Preposition::At),
    ];
}

/// The particles that verbs choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) enum Particle {
    Up,
    Away,
    Back,
    Down,
}

impl Particle {
    pub(in super::super) const ALL: [Self; 4] = [Self::Up, Self::Away, Self::Back, Self::Down];

    pub(in super::super) fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Away => "away",
            Self::Back => "back",
            Self::Down => "down",
        }
    }
}

/// The prepositions that verbs choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) enum Preposition {
    To,
    For,
    About,
    At,
}

impl Preposition {
    pub(in super::super) const ALL: [Self; 4] = [Self::To, Self::For, Self::About, Self::At];

    pub(in super::super) fn word(self) -> &'static str {
        match self {
            Self::To => "to",
            Self::For => "for",
            Self::About => "about",
            Self::At => "at",
        }
    }
}

/// Rows of base form, third person singular, and past or participle.
pub(super) fn verbs(class: VerbClass) -> &'static str {
    match class {
        VerbClass::Craft(trade) => craft(trade),
        VerbClass::Social => {
            "invite invites invited, thank thanks thanked, visit visits visited, \
             marry marries married, help helps helped, greet greets greeted, kiss kisses kissed"
        }
        VerbClass::Stative => {
            "like likes liked, love loves loved, remember remembers remembered, \
             want wants wanted, admire admires admired, hate hates hated, \
             recognize recognizes recognized, fear fears feared, envy envies envied, \
             miss misses missed, trust trusts trusted, despise despises despised, \
             respect respects respected, adore adores adored, pity pities pitied, \
             need needs needed"
        }
        VerbClass::Harass => {
            "follow follows followed, chase chases chased, kick kicks kicked, \
             lick licks licked, frighten frightens frightened, ignore ignores ignored"
        }
        VerbClass::Affect => {
            "amuse amuses amused, annoy annoys annoyed, delight delights delighted, \
             puzzle puzzles puzzled, impress impresses impressed, startle startles startled, \
             bore bores bored, scare scares scared"
        }
        VerbClass::Intransitive(kind) => intransitive(kind),
        VerbClass::Motion => {
            "travel travels traveled, return returns returned, hurry hurries hurried, \
             move moves moved, escape escapes escaped"
        }
        VerbClass::Say => {
            "say says said, think thinks thought, hope hopes hoped, claim claims claimed, \
             believe believes believed, hear hears heard, suspect suspects suspected"
        }
        VerbClass::Reflexive => {
            "blame blames blamed, praise praises praised, introduce introduces introduced, \
             entertain entertains entertained, deceive deceives deceived"
        }
        VerbClass::Particle(particle) => with_particle(particle),
        VerbClass::Prepositional(preposition) => with_preposition(preposition),
    }
}

fn craft(trade: Kind) -> &'static str {
    match trade {
        Kind::Maker => {
            "repair repairs repaired, build builds built, test tests tested, \
             polish polishes polished, design designs designed"
        }
        Kind::Cook => {
            "serve serves served, roast roasts roasted, bake bakes baked, taste tastes tasted, \
             burn burns burned"
        }
        Kind::Scholar => {
            "study studies studied, publish publishes published, quote quotes quoted, \
             translate translates translated, criticize criticizes criticized"
        }
        Kind::Keeper => {
            "feed feeds fed, catch catches caught, train trains trained, wash washes washed, \
             rescue rescues rescued"
        }
        Kind::Musician => {
            "play plays played, rehearse rehearses rehearsed, compose composes composed, \
             whistle whistles whistled, hum hums hummed"
        }
        Kind::Traveller => {
            "board boards boarded, steer steers steered, load loads loaded, \
             inspect inspects inspected, abandon abandons abandoned"
        }
        _ => "",
    }
}

fn intransitive(kind: Kind) -> &'static str {
    match kind {
        Kind::Animal => {
            "sleep sleeps slept, jump jumps jumped, growl growls growled, \
             sneeze sneezes sneezed, snore snores snored, vanish vanishes vanished"
        }
        Kind::Machine => {
            "stop stops stopped, rattle rattles rattled, explode explodes exploded, \
             squeak squeaks squeaked, fail fails failed, collapse collapses collapsed"
        }
        _ => {
            "laugh laughs laughed, smile smiles smiled, work works worked, dance dances danced, \
             cry cries cried, rest rests rested, yawn yawns yawned, faint faints fainted, \
             apologize apologizes apologized"
        }
    }
}

fn with_particle(particle: Particle) -> &'static str {
    match particle {
        Particle::Up => "pick picks picked, wrap wraps wrapped",
        Particle::Away => "lock locks locked, toss tosses tossed",
        Particle::Back => "bring brings brought, send sends sent",
        Particle::Down => "lay lays laid, knock knocks knocked",
    }
}

fn with_preposition(preposition: Preposition) -> &'static str {
    match preposition {
        Preposition::To => "listen listens listened, talk talks talked",
        Preposition::For => "wait waits waited, pray prays prayed",
        Preposition::About => "complain complains complained, dream dreams dreamed",
        Preposition::At => "shout shouts shouted, wink winks winked",
    }
}
