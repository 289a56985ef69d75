//! The words of the generated text.

/// Words of one kind of meaning: families, each with a word for every role.
#[derive(Debug)]
pub struct Group {
    /// What the second and later roles are to the first: the names of sections.
    pub relations: &'static [&'static str],
    /// Words that stand beside the words of each role, whatever the family.
    pub roles: &'static [[&'static str; 6]],
    /// A word for each role, by family.
    pub families: &'static [&'static [&'static str]],
}

/// Every group.
pub const GROUPS: &[Group] = &[COUNTRIES, PEOPLE, THINGS, QUALITIES, VERBS];

/// Words that stand anywhere.
pub const FILLERS: [&str; 10] = ["the", "a", "of", "and", "in", "with", "for", "by", "at", "as"];

const COUNTRIES: Group = Group {
    relations: &["capital-of-country", "people-of-country"],
    roles: &[
        ["borders", "exports", "republic", "nation", "treaty", "coast"],
        ["mayor", "downtown", "subway", "streets", "district", "parliament"],
        ["citizens", "cuisine", "accent", "poets", "customs", "folk"],
    ],
    families: &[
        &["austria", "vienna", "austrian"],
        &["brazil", "brasilia", "brazilian"],
        &["chile", "santiago", "chilean"],
        &["china", "beijing", "chinese"],
        &["cuba", "havana", "cuban"],
        &["denmark", "copenhagen", "danish"],
        &["egypt", "cairo", "egyptian"],
        &["finland", "helsinki", "finnish"],
        &["france", "paris", "french"],
        &["germany", "berlin", "german"],
        &["greece", "athens", "greek"],
        &["hungary", "budapest", "hungarian"],
        &["india", "delhi", "indian"],
        &["ireland", "dublin", "irish"],
        &["italy", "rome", "italian"],
        &["japan", "tokyo", "japanese"],
        &["kenya", "nairobi", "kenyan"],
        &["norway", "oslo", "norwegian"],
        &["peru", "lima", "peruvian"],
        &["poland", "warsaw", "polish"],
        &["portugal", "lisbon", "portuguese"],
        &["spain", "madrid", "spanish"],
        &["sweden", "stockholm", "swedish"],
        &["turkey", "ankara", "turkish"],
    ],
};

const PEOPLE: Group = Group {
    relations: &["woman-of-man"],
    roles: &[
        ["he", "him", "his", "himself", "mister", "sir"],
        ["she", "her", "hers", "herself", "miss", "madam"],
    ],
    families: &[
        &["actor", "actress"],
        &["boy", "girl"],
        &["brother", "sister"],
        &["duke", "duchess"],
        &["father", "mother"],
        &["groom", "bride"],
        &["hero", "heroine"],
        &["host", "hostess"],
        &["king", "queen"],
        &["man", "woman"],
        &["monk", "nun"],
        &["nephew", "niece"],
        &["prince", "princess"],
        &["son", "daughter"],
        &["uncle", "aunt"],
        &["waiter", "waitress"],
    ],
};

const THINGS: Group = Group {
    relations: &["plural"],
    roles: &[
        ["one", "single", "this", "is", "each", "another"],
        ["many", "several", "these", "are", "few", "dozens"],
    ],
    families: &[
        &["apple", "apples"],
        &["bird", "birds"],
        &["boat", "boats"],
        &["bridge", "bridges"],
        &["candle", "candles"],
        &["cat", "cats"],
        &["chair", "chairs"],
        &["child", "children"],
        &["cloud", "clouds"],
        &["dog", "dogs"],
        &["flower", "flowers"],
        &["goose", "geese"],
        &["hammer", "hammers"],
        &["horse", "horses"],
        &["lamp", "lamps"],
        &["mouse", "mice"],
        &["river", "rivers"],
        &["stone", "stones"],
        &["tree", "trees"],
        &["window", "windows"],
    ],
};

const QUALITIES: Group = Group {
    relations: &["comparative", "superlative"],
    roles: &[
        ["very", "quite", "rather", "too", "enough", "fairly"],
        ["than", "even", "much", "slightly", "twice", "becoming"],
        ["ever", "world", "all", "record", "among", "far"],
    ],
    families: &[
        &["big", "bigger", "biggest"],
        &["bright", "brighter", "brightest"],
        &["cold", "colder", "coldest"],
        &["dark", "darker", "darkest"],
        &["deep", "deeper", "deepest"],
        &["fast", "faster", "fastest"],
        &["good", "better", "best"],
        &["heavy", "heavier", "heaviest"],
        &["high", "higher", "highest"],
        &["long", "longer", "longest"],
        &["loud", "louder", "loudest"],
        &["old", "older", "oldest"],
        &["rich", "richer", "richest"],
        &["sharp", "sharper", "sharpest"],
        &["slow", "slower", "slowest"],
        &["warm", "warmer", "warmest"],
    ],
};

const VERBS: Group = Group {
    relations: &["past-tense", "participle"],
    roles: &[
        ["to", "will", "must", "can", "should", "may"],
        ["yesterday", "ago", "once", "last", "then", "earlier"],
        ["now", "still", "keeps", "while", "currently", "stop"],
    ],
    families: &[
        &["build", "built", "building"],
        &["carry", "carried", "carrying"],
        &["dance", "danced", "dancing"],
        &["draw", "drew", "drawing"],
        &["eat", "ate", "eating"],
        &["fly", "flew", "flying"],
        &["jump", "jumped", "jumping"],
        &["listen", "listened", "listening"],
        &["paint", "painted", "painting"],
        &["teach", "taught", "teaching"],
        &["run", "ran", "running"],
        &["sing", "sang", "singing"],
        &["sleep", "slept", "sleeping"],
        &["swim", "swam", "swimming"],
        &["walk", "walked", "walking"],
        &["write", "wrote", "writing"],
    ],
};
