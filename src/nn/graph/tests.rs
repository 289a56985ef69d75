use super::*;
use crate::ops::window::Padding::{Same, Valid};

fn init() -> Init {
    Init::truncated_normal(0.1)
}

#[track_caller]
fn refuses(build: impl for<'g> FnOnce(&'g Builder) -> Value<'g>, expect: &str) {
    let error = Graph::build(|g| build(g).output()).unwrap_err().to_string();
    assert_eq!(error, expect);
}

#[test]
fn an_error_names_the_node_and_the_shapes() {
    refuses(
        |g| g.input("x", &[7]).conv2d("conv1", Filters::new(4, 3), init()),
        "conv1: its input is (1, 7), not (batch, height, width, channels)",
    );
    refuses(
        |g| g.input("x", &[4, 4, 3]).conv2d("conv1", Filters::new(4, 5).valid(), init()),
        "conv1: filters of 5 × 5 are larger than images (1, 4, 4, 3)",
    );
    refuses(
        |g| {
            let x = g.input("x", &[6, 6, 2]);
            x.max_pool(2, 2, Same).add(x)
        },
        "add1: (1, 3, 3, 2) and (1, 6, 6, 2) have different shapes",
    );
    refuses(
        |g| {
            let x = g.input("x", &[6, 6, 2]);
            x.concat(3, &[x.max_pool(2, 2, Same)])
        },
        "concat1: (1, 6, 6, 2) and (1, 3, 3, 2) differ in an axis other than 3",
    );
    refuses(|g| g.input("x", &[6]).slice(1, 4, 3), "slice1: (1, 6) has no range 4..7 along axis 1");
    refuses(
        |g| g.input("x", &[6]).reshape(&[4]),
        "reshape1: (1, 6) and (1, 4) have different numbers of values",
    );
    refuses(
        |g| g.input("x", &[40, 40, 1]).max_pool(17, 2, Valid),
        "pool1: a window of 17 × 17 has more than 255 elements",
    );
    refuses(
        |g| g.input("x", &[4, 4, 1]).max_pool(2, 0, Same),
        "pool1: windows of 2 × 2 with stride 0 are invalid",
    );
    refuses(
        |g| g.input("x", &[4, 4, 1]).conv2d("conv1", Filters::new(2, 0), init()),
        "conv1: windows of 0 × 0 with stride 1 are invalid",
    );
    refuses(|g| g.input("x", &[7]).linear("fc", 0, init()), "fc: its output, (1, 0), is empty");
    // The first error counts, not what follows from it.
    refuses(
        |g| {
            let x = g.input("x", &[7]).conv2d("a", Filters::new(4, 3), init());
            x.conv2d("b", Filters::new(4, 3), init())
        },
        "a: its input is (1, 7), not (batch, height, width, channels)",
    );
}

#[test]
fn parameters_have_one_name_each_unless_they_are_shared() {
    refuses(
        |g| {
            let x = g.input("x", &[3]).linear("fc", 3, init());
            x.linear("fc", 3, init())
        },
        "two parameters are called fc/weights; layers that share one are built in Builder::shared",
    );
    refuses(
        |g| {
            let x = g.input("x", &[3]).linear("fc", 4, init());
            g.shared(|| x.linear("fc", 4, init()))
        },
        "fc/weights has the shape (3, 4) and cannot be shared as (4, 4)",
    );
    let (graph, _) = Graph::build(|g| {
        let x = g.input("x", &[3]).linear("fc", 3, init());
        g.shared(|| x.linear("fc", 3, init()));
    })
    .unwrap();
    assert_eq!(graph.parameters.len(), 2);
    assert_eq!(graph.nodes[0].parameters, graph.nodes[1].parameters);
}

#[test]
fn layers_are_counted_as_the_paper_does() {
    let (graph, output) = Graph::build(|g| {
        let x = g.input("images", &[28, 28, 1]);
        let x = x.conv2d("conv1", Filters::new(32, 5), init()).relu().max_pool(2, 2, Same);
        let x = x.linear("fc", 10, init().decay_all());
        x.cross_entropy(g.ids("labels"));
        x.output()
    })
    .unwrap();
    assert_eq!(graph.shape(output, 64), [64, 10]);
    let layers = graph.layers(64, 1);
    let names: Vec<_> = layers.iter().map(|l| (&l.name[..], &l.operator[..])).collect();
    let want = [
        ("conv1", "conv2d"),
        ("relu1", "relu"),
        ("pool1", "max_pool"),
        ("fc", "linear"),
        ("loss", "softmax cross-entropy"),
    ];
    assert_eq!(names, want);
    assert_eq!(layers[0].output, [64, 28, 28, 32]);
    assert_eq!(layers[0].parameters, 5 * 5 * 32 + 32);
    // The images have no gradient: forward, and the gradient of the filters.
    assert_eq!(layers[0].operations, 2 * 2 * 64 * 28 * 28 * 32 * 25);
    assert_eq!(layers[3].operations, 3 * 2 * 64 * 14 * 14 * 32 * 10);
    assert_eq!(layers[3].memory, 64 * 10 * 4);
    assert!(graph.parameters.iter().skip(2).all(|parameter| parameter.decays));
    let activations = graph.activations();
    assert_eq!(activations[0], ("conv1".to_string(), Output(Source::Node(1))));
    assert_eq!(activations[1].0, "fc");
    assert_eq!(graph.find("pool1"), Some(Output(Source::Node(2))));
}
