//! The grammatical features that symbols and word classes carry.

/// What a noun denotes. It chooses the verbs that a subject takes, at any distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Maker,
    Cook,
    Scholar,
    Keeper,
    Musician,
    Traveller,
    Friend,
    Animal,
    Machine,
    Food,
    Text,
    Music,
    Vessel,
}

impl Kind {
    /// The trades: people with a common noun, whose verbs take the trade's own products.
    pub(super) const TRADES: [Self; 6] =
        [Self::Maker, Self::Cook, Self::Scholar, Self::Keeper, Self::Musician, Self::Traveller];

    /// Whether the relative pronoun is "who".
    pub(super) fn is_person(self) -> bool {
        self == Self::Friend || Self::TRADES.contains(&self)
    }

    /// What the trade works on; nothing for the others.
    pub(super) fn product(self) -> Option<Self> {
        match self {
            Self::Maker => Some(Self::Machine),
            Self::Cook => Some(Self::Food),
            Self::Scholar => Some(Self::Text),
            Self::Keeper => Some(Self::Animal),
            Self::Musician => Some(Self::Music),
            Self::Traveller => Some(Self::Vessel),
            _ => None,
        }
    }
}

/// Grammatical number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Number {
    Singular,
    Plural,
}

/// Which third-person pronouns refer back to a noun phrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Agreement {
    He,
    She,
    /// A person in the singular whose gender is open until the first pronoun.
    HeOrShe,
    It,
    They,
}

impl Agreement {
    /// The agreement of a common noun.
    pub(super) fn of(kind: Kind, number: Number) -> Self {
        match number {
            Number::Plural => Self::They,
            Number::Singular if kind.is_person() => Self::HeOrShe,
            Number::Singular => Self::It,
        }
    }

    pub(super) fn number(self) -> Number {
        if self == Self::They { Number::Plural } else { Number::Singular }
    }

    /// The genders that it may turn out to have, all equally likely.
    pub(super) fn genders(self) -> &'static [Self] {
        match self {
            Self::He => &[Self::He],
            Self::She => &[Self::She],
            Self::HeOrShe => &[Self::He, Self::She],
            Self::It => &[Self::It],
            Self::They => &[Self::They],
        }
    }

    pub(super) fn subject_pronoun(self) -> &'static str {
        ["he", "she", "it", "they"][self.column()]
    }

    pub(super) fn possessive(self) -> &'static str {
        ["his", "her", "its", "their"][self.column()]
    }

    pub(super) fn reflexive(self) -> &'static str {
        ["himself", "herself", "itself", "themselves"][self.column()]
    }

    /// Callers resolve an open gender through [`Self::genders`] first.
    fn column(self) -> usize {
        match self {
            Self::He | Self::HeOrShe => 0,
            Self::She => 1,
            Self::It => 2,
            Self::They => 3,
        }
    }
}

/// The tense of a clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Tense {
    Past,
    Present,
    Perfect,
    Future,
}

impl Tense {
    /// The tenses of clauses that choose one, with their shares.
    pub(super) const WEIGHTED: [(Self, f64); 4] =
        [(Self::Past, 0.32), (Self::Present, 0.36), (Self::Perfect, 0.15), (Self::Future, 0.17)];

    /// The auxiliary in front of the main verb.
    pub(super) fn auxiliary(self, number: Number) -> Option<&'static str> {
        match (self, number) {
            (Self::Past | Self::Present, _) => None,
            (Self::Perfect, Number::Singular) => Some("has"),
            (Self::Perfect, Number::Plural) => Some("have"),
            (Self::Future, _) => Some("will"),
        }
    }

    /// The form of the main verb.
    pub(super) fn form(self, number: Number) -> Form {
        match self {
            Self::Past => Form::Past(number),
            Self::Present => Form::Present(number),
            Self::Perfect => Form::Participle,
            Self::Future => Form::Bare,
        }
    }
}

/// The form that a verb takes after its subject or auxiliary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Form {
    Past(Number),
    Present(Number),
    Participle,
    Bare,
}

impl Form {
    /// The spelling of a lexical verb. Past and participle are one word for each verb
    /// of the lexicon.
    pub(super) fn inflection(self) -> Inflection {
        match self {
            Self::Past(_) | Self::Participle => Inflection::Past,
            Self::Present(Number::Singular) => Inflection::Third,
            Self::Present(Number::Plural) | Self::Bare => Inflection::Base,
        }
    }

    /// The form of "be".
    pub(super) fn copula(self) -> &'static str {
        match self {
            Self::Past(Number::Singular) => "was",
            Self::Past(Number::Plural) => "were",
            Self::Present(Number::Singular) => "is",
            Self::Present(Number::Plural) => "are",
            Self::Participle => "been",
            Self::Bare => "be",
        }
    }
}

/// The three spellings of a verb, in the lexicon's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Inflection {
    Base,
    Third,
    Past,
}

/// How a word begins: the choice between "a" and "an".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Sound {
    Any,
    Consonant,
    Vowel,
}

impl Sound {
    /// Whether `word` may stand after the article. The lexicon has no word whose first
    /// letter and first sound disagree, such as "hour" or "unicorn".
    pub(super) fn admits(self, word: &str) -> bool {
        let vowel = word.starts_with(['a', 'e', 'i', 'o', 'u']);
        match self {
            Self::Any => true,
            Self::Consonant => !vowel,
            Self::Vowel => vowel,
        }
    }
}
