// Correct reads, then assemble them with SPAdes and with MEGAHIT.
//
//     nextflow run main.nf --input samples.csv --outdir results
//
// samples.csv has the columns sample,fastq_1,fastq_2; fastq_2 may be empty (MEGAHIT alone).

include { DBGCLEAN_RUN } from './modules/dbgclean/run/main'

process SPADES {
    tag "${meta.id}"
    label 'process_high'
    conda 'bioconda::spades=4.0.0'
    publishDir "${params.outdir}/spades", mode: 'copy'

    input:
    tuple val(meta), path(reads)

    output:
    tuple val(meta), path("${meta.id}.spades.fa"), emit: contigs

    script:
    // The reads are corrected: SPAdes' own correction would do it once more.
    """
    spades.py --only-assembler -t ${task.cpus} -m ${task.memory.toGiga()} -1 ${reads[0]} -2 ${reads[1]} -o spades
    mv spades/contigs.fasta ${meta.id}.spades.fa
    """

    stub:
    """
    touch ${meta.id}.spades.fa
    """
}

process MEGAHIT {
    tag "${meta.id}"
    label 'process_high'
    conda 'bioconda::megahit=1.2.9'
    publishDir "${params.outdir}/megahit", mode: 'copy'

    input:
    tuple val(meta), path(reads)

    output:
    tuple val(meta), path("${meta.id}.megahit.fa"), emit: contigs

    script:
    def layout = meta.single_end ? "-r ${reads}" : "-1 ${reads[0]} -2 ${reads[1]}"
    """
    megahit -t ${task.cpus} ${layout} -o megahit
    mv megahit/final.contigs.fa ${meta.id}.megahit.fa
    """

    stub:
    """
    touch ${meta.id}.megahit.fa
    """
}

workflow {
    samples = channel.fromPath(params.input, checkIfExists: true)
        .splitCsv(header: true)
        .map { row ->
            def reads = [row.fastq_1, row.fastq_2].findAll { name -> name }.collect { name -> file(name, checkIfExists: true) }
            [[id: row.sample, single_end: reads.size() == 1], reads]
        }
    DBGCLEAN_RUN(samples)
    SPADES(DBGCLEAN_RUN.out.reads.filter { meta, reads -> !meta.single_end })
    MEGAHIT(DBGCLEAN_RUN.out.reads)
}
