//! `english.txt`, read: what a symbol derives, and which words a list has. The file says how it is
//! written. It is a part of the program, so a mistake in it is a panic.

use std::collections::HashMap;

/// A word, a list of words or a symbol, with the values of its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Item {
    name: &'static str,
    arguments: Vec<&'static str>,
}

/// A name with arguments as it is in the file.
#[derive(Debug)]
struct Term {
    name: &'static str,
    arguments: Vec<Term>,
}

/// What is below a head.
#[derive(Debug)]
enum Body {
    Values(Vec<&'static str>),
    /// Arguments and what the table gives for them.
    Table(Vec<(Vec<Term>, &'static str)>),
    /// The forms of each word.
    Words(Vec<Vec<&'static str>>),
    Rules(Vec<Rule>),
}

#[derive(Debug)]
struct Rule {
    /// Of its weight.
    factors: Vec<Term>,
    items: Vec<Term>,
}

/// The values of the variables A to Z.
type Bindings = [Option<&'static str>; 26];

/// The rules of a grammar.
#[derive(Debug)]
pub(super) struct GrammarRules {
    /// By name: the heads' arguments and what is below them, in order.
    heads: HashMap<&'static str, Vec<(Vec<Term>, Body)>>,
}

impl Item {
    /// An item without arguments.
    pub(super) fn word(name: &'static str) -> Self {
        Self { name, arguments: Vec::new() }
    }
}

impl Term {
    fn parse(text: &'static str) -> Self {
        let Some((name, arguments)) = text.strip_suffix(')').and_then(|it| it.split_once('('))
        else {
            return Self { name: text, arguments: Vec::new() };
        };
        let mut depth = 0;
        let outside = |c: char| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            c == ',' && depth == 0
        };
        Self { name, arguments: arguments.split(outside).map(Self::parse).collect() }
    }

    fn variable(&self) -> Option<usize> {
        match self.name.as_bytes() {
            [letter @ b'A'..=b'Z'] => Some(usize::from(letter - b'A')),
            _ => None,
        }
    }

    /// Adds the variables that have no value yet, except those that `mean` goes through.
    fn add_open(&self, values: &Bindings, open: &mut Vec<usize>) {
        match self.variable() {
            Some(variable) if values[variable].is_none() && !open.contains(&variable) => {
                open.push(variable);
            }
            None if self.name != "mean" => {
                self.arguments.iter().for_each(|argument| argument.add_open(values, open));
            }
            _ => {}
        }
    }
}

impl Body {
    fn parse(head: &Term, lines: &[&'static str]) -> Self {
        let split = |line: &'static str| line.split_whitespace();
        if head.variable().is_some() {
            Body::Values(lines.iter().copied().flat_map(split).collect())
        } else if is_lower_case(head.name) {
            Self::Table(
                lines
                    .iter()
                    .copied()
                    .filter_map(|line| {
                        let (arguments, value) = line.split_once(':')?;
                        Some((split(arguments).map(Term::parse).collect(), value.trim()))
                    })
                    .collect(),
            )
        } else if lines.iter().any(|line| line.contains(|c: char| c == '(' || c.is_ascii_digit())) {
            Self::Rules(lines.iter().copied().map(Rule::parse).collect())
        } else {
            let rows = lines.iter().copied().flat_map(|line| line.split(','));
            Self::Words(
                rows.map(|row| split(row).collect())
                    .filter(|row: &Vec<_>| !row.is_empty())
                    .collect(),
            )
        }
    }
}

impl Rule {
    fn parse(line: &'static str) -> Self {
        let (weight, items) = line.split_once(' ').unwrap_or((line, ""));
        Self {
            factors: weight.split('*').map(Term::parse).collect(),
            items: items.split_whitespace().map(Term::parse).collect(),
        }
    }
}

impl GrammarRules {
    pub(super) fn read(text: &'static str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let lines: Vec<&'static str> = lines.collect();
        let mut heads: HashMap<_, Vec<_>> = HashMap::new();
        for block in lines.chunk_by(|_, next| next.starts_with(' ')) {
            let head = Term::parse(block[0]);
            let lines: Vec<_> = block[1..].iter().map(|line| line.trim()).collect();
            let body = Body::parse(&head, &lines);
            heads.entry(head.name).or_default().push((head.arguments, body));
        }
        Self { heads }
    }

    /// The words of a list with their weights, which need not sum to 1; none if `item` is a symbol.
    ///
    /// Weights fall like Zipf's law with an offset, the last about half of the first, so that no
    /// word is rare.
    pub(super) fn words(&self, item: &Item) -> Option<Vec<(&'static str, f64)>> {
        if is_lower_case(item.name) {
            return Some(vec![(item.name, 1.0)]);
        }
        let (pattern, _, Body::Words(rows)) = self.find(item) else { return None };
        let (mut form, mut sound) = (0, "any");
        for &argument in &item.arguments[pattern.len()..] {
            match argument {
                "singular" | "base" => form = 0,
                "plural" | "third" => form = 1,
                "past" => form = 2,
                _ => sound = argument,
            }
        }
        let words = rows
            .iter()
            .enumerate()
            .map(|(rank, row)| (row[form], 1.0 / (rank as f64 + rows.len() as f64)));
        Some(words.filter(|(word, _)| begins_with(word, sound)).collect())
    }

    /// The rules of a symbol: weights above 0, and what is derived with them.
    pub(super) fn rules(&self, symbol: &Item) -> Vec<(f64, Vec<Item>)> {
        let (_, values, Body::Rules(rules)) = self.find(symbol) else {
            panic!("{symbol:?} is not a symbol");
        };
        let each = rules.iter().flat_map(|rule| {
            let terms = rule.factors.iter().chain(&rule.items);
            self.repeat(terms, values).into_iter().filter_map(|values| self.apply(rule, &values))
        });
        each.filter(|(weight, _)| *weight > 0.0).collect()
    }

    /// The rule with values for all its variables; `None` if a table has nothing to say.
    fn apply(&self, rule: &Rule, values: &Bindings) -> Option<(f64, Vec<Item>)> {
        let items: Vec<Item> =
            rule.items.iter().map(|item| self.item(item, values)).collect::<Option<_>>()?;
        let factors = rule.factors.iter().map(|factor| match factor.name {
            "sum" => {
                items.last().map(|item| self.rules(item).iter().map(|(weight, _)| weight).sum())
            }
            _ => self.number(factor, values),
        });
        let weight = factors.product::<Option<f64>>()?;
        Some((weight, items.into_iter().filter(|item| !item.name.is_empty()).collect()))
    }

    /// A factor of a weight.
    fn number(&self, factor: &Term, values: &Bindings) -> Option<f64> {
        let mass = |list: &Item| -> f64 {
            self.words(list).iter().flatten().map(|(_, weight)| weight).sum()
        };
        match (factor.name, &factor.arguments[..]) {
            ("share", [list, sound]) => {
                let all = self.item(list, values)?;
                let mut some = all.clone();
                some.arguments.push(self.value(sound, values)?);
                Some(mass(&some) / mass(&all))
            }
            ("mean", [weight, x]) => {
                let each = self.repeat(&factor.arguments, *values).into_iter();
                let each: Vec<_> = each
                    .filter_map(|values| {
                        Some((self.number(weight, &values)?, self.number(x, &values)?))
                    })
                    .collect();
                let total: f64 = each.iter().map(|(weight, _)| weight).sum();
                Some(each.iter().map(|(weight, x)| weight / total * x).sum())
            }
            _ => {
                let number = self.value(factor, values)?;
                Some(number.parse().unwrap_or_else(|_| panic!("{factor:?} is not a number")))
            }
        }
    }

    fn item(&self, term: &Term, values: &Bindings) -> Option<Item> {
        if term.variable().is_some() || is_lower_case(term.name) {
            return self.value(term, values).map(Item::word);
        }
        let arguments = term.arguments.iter().map(|argument| self.value(argument, values));
        Some(Item { name: term.name, arguments: arguments.collect::<Option<_>>()? })
    }

    /// The value of a variable or a table; a name without arguments stands for itself.
    fn value(&self, term: &Term, values: &Bindings) -> Option<&'static str> {
        if let Some(variable) = term.variable() {
            return values[variable];
        }
        if term.arguments.is_empty() {
            return Some(term.name);
        }
        let arguments = term.arguments.iter().map(|argument| self.value(argument, values));
        let asked = Item { name: term.name, arguments: arguments.collect::<Option<_>>()? };
        let (.., Body::Table(lines)) = self.find(&asked) else {
            panic!("{asked:?} is not a table")
        };
        let line = lines.iter().find(|(pattern, _)| fit(pattern, &asked.arguments).is_some());
        line.map(|(_, value)| *value)
    }

    /// The first head that fits `item`, whose last arguments it may leave open.
    fn find(&self, item: &Item) -> (&[Term], Bindings, &Body) {
        let heads = self.heads.get(item.name).into_iter().flatten();
        heads
            .filter_map(|(pattern, body)| {
                Some((&pattern[..], fit(pattern, &item.arguments)?, body))
            })
            .next()
            .unwrap_or_else(|| panic!("{item:?} is not defined"))
    }

    /// All values of the variables in `terms` that have none in `values`.
    fn repeat<'a>(
        &self,
        terms: impl IntoIterator<Item = &'a Term>,
        values: Bindings,
    ) -> Vec<Bindings> {
        let mut open = Vec::new();
        terms.into_iter().for_each(|term| term.add_open(&values, &mut open));
        open.into_iter().fold(vec![values], |known, variable| {
            let name = char::from(b'A' + variable as u8).to_string();
            let Some([(_, Body::Values(domain))]) = self.heads.get(&name[..]).map(|it| &it[..])
            else {
                panic!("{name} has no values");
            };
            let with = |values: Bindings, value| {
                let mut values = values;
                values[variable] = Some(value);
                values
            };
            known
                .iter()
                .flat_map(|&values| domain.iter().map(move |&value| with(values, value)))
                .collect()
        })
    }
}

/// The values with which a pattern equals the first `arguments`, if it can.
fn fit(pattern: &[Term], arguments: &[&'static str]) -> Option<Bindings> {
    let mut values = Bindings::default();
    for (i, term) in pattern.iter().enumerate() {
        let argument = *arguments.get(i)?;
        let expected = match term.variable() {
            Some(variable) => *values[variable].get_or_insert(argument),
            None => term.name,
        };
        if expected != argument && expected != "_" {
            return None;
        }
    }
    Some(values)
}

fn is_lower_case(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_uppercase())
}

/// Whether a word may be where `sound` is due. The grammar has no word whose first letter and first
/// sound disagree, such as "hour" or "unicorn".
fn begins_with(word: &str, sound: &str) -> bool {
    let vowel = word.starts_with(['a', 'e', 'i', 'o', 'u']);
    match sound {
        "vowel" => vowel,
        "consonant" => !vowel,
        _ => true,
    }
}
