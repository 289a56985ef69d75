//! Image classifiers from frozen TensorFlow 1 graphs, such as Inception-v3 (Szegedy et al., "Rethinking
//! the Inception Architecture for Computer Vision", arXiv 1512.00567).

pub mod evaluate;
