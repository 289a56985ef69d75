//! Places for blocks of memory, each of which is needed from one step to another.

/// Values of a cache line: blocks begin at whole ones.
const LINE: usize = 16;

/// A block, and the steps at which it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Values.
    pub len: usize,
    /// The first step.
    pub first: usize,
    /// The last step.
    pub last: usize,
}

/// The first value of every block, and how many values all of them take. Blocks that are needed at
/// the same time do not overlap. The largest is placed first, each as low as it can be (Pisarchyk
/// and Lee, arXiv 2001.03288, "greedy by size").
pub(super) fn place(blocks: &[Block]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..blocks.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(blocks[i].len), i));
    let mut starts = vec![0; blocks.len()];
    let mut placed: Vec<usize> = Vec::with_capacity(blocks.len());
    let mut total = 0;
    for i in order {
        let start = lowest(blocks, &starts, &placed, i);
        starts[i] = start;
        total = total.max(start + blocks[i].len);
        // Sorted by place, so that gaps are found in one walk.
        let at = placed.partition_point(|&other| starts[other] <= start);
        placed.insert(at, i);
    }
    (starts, total)
}

/// The lowest place where block `i` meets none that is needed at the same time.
fn lowest(blocks: &[Block], starts: &[usize], placed: &[usize], i: usize) -> usize {
    let meets = |other: &Block| other.first <= blocks[i].last && blocks[i].first <= other.last;
    let mut start = 0;
    for &other in placed.iter().filter(|&&other| meets(&blocks[other])) {
        if starts[other] >= start + blocks[i].len {
            break;
        }
        start = start.max((starts[other] + blocks[other].len).next_multiple_of(LINE));
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlap(a: Block, b: Block, starts: [usize; 2]) -> bool {
        let in_time = a.first <= b.last && b.first <= a.last;
        in_time && starts[0] < starts[1] + b.len && starts[1] < starts[0] + a.len
    }

    #[test]
    fn blocks_share_memory_at_different_times_alone() {
        let mut numbers = crate::rng::Stream::new(3, "blocks").at(0);
        for count in [1, 2, 10, 100] {
            let block = |_| {
                let first = numbers.below(50) as usize;
                let last = first + numbers.below(10) as usize;
                Block { len: 1 + numbers.below(1000) as usize, first, last }
            };
            let blocks: Vec<Block> = (0..count).map(block).collect();
            let (starts, total) = place(&blocks);
            for i in 0..count {
                assert!(starts[i].is_multiple_of(LINE) && starts[i] + blocks[i].len <= total);
                for j in 0..i {
                    assert!(!overlap(blocks[i], blocks[j], [starts[i], starts[j]]), "{blocks:?}");
                }
            }
        }
    }

    #[test]
    fn a_chain_needs_room_for_two_neighbours() {
        let block = |first| Block { len: 160, first, last: first + 1 };
        let blocks: Vec<Block> = (0..10).map(block).collect();
        assert_eq!(place(&blocks).1, 320);
        assert_eq!(place(&[]), (Vec::new(), 0));
    }
}
