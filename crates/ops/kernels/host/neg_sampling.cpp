// Runs kernels/neg_sampling.cu on the processor, once for each seed of a schedule.
//
//   neg_sampling --sites   prints how many synchronisations the kernel's source has
//   neg_sampling           reads a problem from stdin, writes the results to stdout
//
// src/skipgram/cuda/host.rs writes the one and reads the other: numbers of four or eight bytes
// as the machine has them, in the order of `Problem` and of `run`.
#include "cuda.h"

#include "../neg_sampling.cu"

namespace {

constexpr unsigned SITES = __COUNTER__;

template <class T>
void read(T* to, size_t n) {
    if (std::fread(to, sizeof(T), n, stdin) != n) host::fail("the problem ends early");
}

template <class T>
std::vector<T> read_many(size_t n) {
    std::vector<T> values(n);
    read(values.data(), n);
    return values;
}

template <class T>
void write(const std::vector<T>& values, size_t skip = 0) {
    const size_t n = values.size() - 2 * skip;
    if (std::fwrite(values.data() + skip, sizeof(T), n, stdout) != n) {
        host::fail("the result cannot be written");
    }
}

struct Sizes {
    u32 ids, width, window, negatives, key0, key1;
    u32 n_sentences, n_words, threads, shared_bytes, dropped, n_seeds;
};

struct Problem {
    Sizes sizes;
    std::vector<u32> seeds, starts, words, thresholds, aliases;
    std::vector<u64> firsts;
    std::vector<float> rates, w_in, w_out;
};

Problem read_problem() {
    Problem problem;
    Sizes& sizes = problem.sizes;
    read(&sizes, 1);
    const size_t values = (size_t)sizes.ids * sizes.width;
    problem.seeds = read_many<u32>(sizes.n_seeds);
    problem.starts = read_many<u32>(sizes.n_sentences + 1);
    problem.words = read_many<u32>(sizes.n_words);
    problem.thresholds = read_many<u32>(sizes.ids);
    problem.aliases = read_many<u32>(sizes.ids);
    problem.firsts = read_many<u64>(sizes.n_sentences);
    problem.rates = read_many<float>(sizes.n_sentences);
    problem.w_in = read_many<float>(values);
    problem.w_out = read_many<float>(values);
    return problem;
}

constexpr float MARK = -12345.0f;

// A table between two marked stretches of the size of a row.
std::vector<float> fenced(const std::vector<float>& table, size_t fence) {
    std::vector<float> values(table.size() + 2 * fence, MARK);
    std::copy(table.begin(), table.end(), values.begin() + fence);
    return values;
}

void check_fences(const std::vector<float>& values, size_t fence) {
    for (size_t i = 0; i < fence; ++i) {
        if (values[i] != MARK || values[values.size() - 1 - i] != MARK) {
            host::fail("the kernel wrote outside a table");
        }
    }
}

void run(const Problem& problem, u32 seed) {
    const Sizes& sizes = problem.sizes;
    std::vector<float> w_in = fenced(problem.w_in, sizes.width);
    std::vector<float> w_out = fenced(problem.w_out, sizes.width);
    std::vector<double> losses(sizes.n_sentences);
    std::vector<u64> pairs(sizes.n_sentences);
    host::launch(dim3(sizes.n_sentences), dim3(sizes.threads), sizes.shared_bytes, seed, [&] {
        neg_sampling(w_in.data() + sizes.width, w_out.data() + sizes.width, sizes.ids, sizes.width,
                     problem.thresholds.data(), problem.aliases.data(), sizes.key0, sizes.key1,
                     sizes.window, sizes.negatives, problem.words.data(), problem.starts.data(),
                     problem.firsts.data(), problem.rates.data(), losses.data(), pairs.data());
    });
    check_fences(w_in, sizes.width);
    check_fences(w_out, sizes.width);
    write(w_in, sizes.width);
    write(w_out, sizes.width);
    write(losses);
    write(pairs);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 && std::strcmp(argv[1], "--sites") == 0) {
        std::printf("%u\n", SITES);
        return 0;
    }
    const Problem problem = read_problem();
    host::grid().dropped = problem.sizes.dropped;
    for (u32 seed : problem.seeds) run(problem, seed);
    return 0;
}
