process DBGCLEAN_RUN {
    tag "${meta.id}"
    label 'process_medium'

    conda "${moduleDir}/environment.yml"
    container "${ workflow.containerEngine in ['singularity', 'apptainer'] && !task.ext.singularity_pull_docker_container ?
        'https://depot.galaxyproject.org/singularity/dbgclean:0.4.0--pyhdfd78af_0' :
        'quay.io/biocontainers/dbgclean:0.4.0--pyhdfd78af_0' }"

    input:
    tuple val(meta), path(reads)

    output:
    tuple val(meta), path("${prefix}/reads/*.fastq.gz")    , emit: reads
    tuple val(meta), path("${prefix}.kmers.fa.gz")         , emit: kmers
    tuple val(meta), path("${prefix}.corrections.tsv.gz")  , emit: corrections
    tuple val(meta), path("${prefix}.gfa")                 , emit: gfa
    tuple val(meta), path("${prefix}.html")                , emit: html
    tuple val(meta), path("${prefix}.json")                , emit: json
    tuple val(meta), path("${prefix}/*_mqc.json")          , emit: multiqc
    tuple val("${task.process}"), val('dbgclean'), eval("dbgclean --version | sed 's/dbgclean //'"), topic: versions, emit: versions_dbgclean

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    prefix = task.ext.prefix ?: "${meta.id}"
    // Links, because corrected reads have the names of what came in.
    def names = meta.single_end ? ["${prefix}.fastq.gz"] : ["${prefix}_1.fastq.gz", "${prefix}_2.fastq.gz"]
    def files = reads instanceof List ? reads : [reads]
    def links = [files, names].transpose().collect { file, name -> "[ -e ${name} ] || ln -s ${file} ${name}" }.join('\n    ')
    def layout = meta.single_end ? '--single' : '--paired'
    """
    ${links}

    dbgclean run \\
        --sample '${prefix}' \\
        ${args} \\
        ${layout} \\
        --threads ${task.cpus} \\
        --tmp . \\
        --output ${prefix} \\
        ${names.join(' ')}

    mv ${prefix}/kmers.fa.gz ${prefix}.kmers.fa.gz
    mv ${prefix}/corrections.tsv.gz ${prefix}.corrections.tsv.gz
    mv ${prefix}/clean.gfa ${prefix}.gfa
    mv ${prefix}/report.html ${prefix}.html
    mv ${prefix}/report.json ${prefix}.json
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    def names = meta.single_end ? ["${prefix}.fastq.gz"] : ["${prefix}_1.fastq.gz", "${prefix}_2.fastq.gz"]
    """
    mkdir -p ${prefix}/reads
    for name in ${names.join(' ')}; do echo "" | gzip > ${prefix}/reads/\$name; done
    echo "" | gzip > ${prefix}.kmers.fa.gz
    echo "" | gzip > ${prefix}.corrections.tsv.gz
    touch ${prefix}.gfa ${prefix}.html ${prefix}.json ${prefix}/${prefix}.dbgclean_mqc.json
    """
}
