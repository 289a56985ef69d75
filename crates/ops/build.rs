//! Compiles `kernels/*.cu` for the feature `cuda`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "cuda")]
    if let Err(error) = kernels::build() {
        println!("cargo::error=cannot compile the CUDA kernels: {error}");
    }
}

#[cfg(feature = "cuda")]
mod kernels {
    use std::env;
    use std::error::Error;
    use std::path::PathBuf;

    use cudaforge::KernelBuilder;

    /// The oldest generation of GPUs that is served: Turing.
    const OLDEST_COMPUTE_CAP: usize = 75;

    /// Leaves `ptx.rs` in the build's folder: one constant a kernel file, named by its stem.
    ///
    /// PTX is compiled by the driver when a kernel is loaded, for the GPU that is there. What is made
    /// for one generation runs on all later ones, so the oldest one's serves them all: sm_75 to sm_120
    /// and on. `CUDA_COMPUTE_CAP` says otherwise; from 90 on it makes PTX for that generation alone.
    pub fn build() -> Result<(), Box<dyn Error>> {
        let mut builder = KernelBuilder::new()
            .source_dir("kernels")
            .watch(["kernels"])
            .arg("-std=c++17")
            .arg("-O3");
        if env::var_os("CUDA_COMPUTE_CAP").is_none() {
            builder = builder.compute_cap(OLDEST_COMPUTE_CAP);
        }
        let folder = PathBuf::from(env::var("OUT_DIR")?);
        builder.build_ptx()?.write(folder.join("ptx.rs"))?;
        println!("cargo::rerun-if-changed=kernels");
        Ok(())
    }
}
